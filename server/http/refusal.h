// Why the server will not start as asked: an expected outcome, hence a value.
#pragma once

#include <string>

#include <boost/system/result.hpp>

namespace entitle {

struct HttpRefusal {
    std::string message;  // for the administrator: what is wrong, and what to do
};

template <class T>
using Allowed = boost::system::result<T, HttpRefusal>;

// Found by argument-dependent lookup when somebody calls .value() on a refusal.
[[noreturn]] void throw_exception_from_error(const HttpRefusal&, const boost::source_location&);

}  // namespace entitle
