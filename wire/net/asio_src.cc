// Asio and Beast, compiled once (BOOST_ASIO_SEPARATE_COMPILATION); the other files only call them.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
