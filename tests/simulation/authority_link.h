// The simulated authority's process, as a function: an order in, what came of it out.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "license/time.h"

namespace entitle::simulation {

class AuthorityLink {
  public:
    explicit AuthorityLink(std::uint64_t seed);  // starts it; throws std::system_error
    ~AuthorityLink();
    AuthorityLink(const AuthorityLink&) = delete;
    AuthorityLink& operator=(const AuthorityLink&) = delete;

    // Throws std::runtime_error for what the authority calls a fault of its own: never expected.
    boost::json::object order(boost::json::object what, Instant now);

  private:
    int pid_ = -1;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
    std::string line_;
};

}  // namespace entitle::simulation
