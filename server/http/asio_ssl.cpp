// Asio's TLS, compiled once; the rest of Asio is in proto/asio.cpp.
#include <boost/asio/ssl/impl/src.hpp>
