#pragma once

#include <stdexcept>

namespace entitle {

// The database failed: a fault, not an answer.
class DatabaseFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace entitle
