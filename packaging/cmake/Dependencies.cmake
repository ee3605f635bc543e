# Every library we build on, found once. Each is named in README.md with its Debian package.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(Boost_USE_STATIC_LIBS ${ENTITLE_STATIC_DEPS})
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS headers json)

find_package(CapnProto CONFIG REQUIRED)
find_program(CAPNP_EXECUTABLE capnp)
find_program(CAPNPC_CXX_EXECUTABLE capnpc-c++)
if(NOT CAPNP_EXECUTABLE OR NOT CAPNPC_CXX_EXECUTABLE)
  message(FATAL_ERROR "capnp and capnpc-c++ are missing: apt-get install capnproto")
endif()

pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)

find_package(spdlog CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
# Always shared: a hole in either is closed by the system's update.
find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)

# A library by its plain name, or its archive when dependencies are linked statically.
function(entitle_find_library variable name)
  if(ENTITLE_STATIC_DEPS)
    find_library(${variable} NAMES lib${name}.a ${name} REQUIRED)
  else()
    find_library(${variable} NAMES ${name} REQUIRED)
  endif()
endfunction()

entitle_find_library(SODIUM_LIBRARY sodium)
add_library(entitle_sodium INTERFACE)
target_include_directories(entitle_sodium SYSTEM INTERFACE ${SODIUM_INCLUDE_DIRS})
target_link_libraries(entitle_sodium INTERFACE ${SODIUM_LIBRARY} Threads::Threads)

# Debian's CapnProto targets name the shared libraries; the archives lie beside them.
add_library(entitle_capnp INTERFACE)
if(ENTITLE_STATIC_DEPS)
  foreach(part capnp-rpc capnp kj-async kj)
    string(MAKE_C_IDENTIFIER ${part} id)
    entitle_find_library(CAPNP_${id}_LIBRARY ${part})
    target_link_libraries(entitle_capnp INTERFACE ${CAPNP_${id}_LIBRARY})
  endforeach()
  target_link_libraries(entitle_capnp INTERFACE Threads::Threads)
else()
  target_link_libraries(entitle_capnp INTERFACE CapnProto::capnp-rpc)
endif()
# clang 16 and newer with Cap'n Proto 0.9.2: see proto/kj_compare.h, included before any header of KJ.

# Asio is compiled once, in proto/asio.cpp, instead of in every file that includes it.
add_library(entitle_boost INTERFACE)
target_link_libraries(entitle_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(entitle_boost INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)

# spdlog and fmt header-only: no libspdlog.so, no libfmt.so, no shared libstdc++ drawn in.
add_library(entitle_spdlog INTERFACE)
target_compile_definitions(entitle_spdlog INTERFACE SPDLOG_HEADER_ONLY SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)

add_library(entitle_toml INTERFACE)  # header-only; tomlplusplus' own target links a shared library

# SOCI ships no CMake configuration in Debian.
find_path(SOCI_INCLUDE_DIR soci/soci.h REQUIRED)
entitle_find_library(SOCI_CORE_LIBRARY soci_core)
entitle_find_library(SOCI_SQLITE3_LIBRARY soci_sqlite3)
entitle_find_library(SOCI_POSTGRESQL_LIBRARY soci_postgresql)
entitle_find_library(SQLITE3_LIBRARY sqlite3)
# Always shared: its archive would draw in Kerberos, LDAP and OpenSSL.
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
add_library(entitle_soci INTERFACE)
target_include_directories(entitle_soci SYSTEM INTERFACE ${SOCI_INCLUDE_DIR} ${SOCI_INCLUDE_DIR}/soci)
target_link_libraries(entitle_soci INTERFACE ${SOCI_SQLITE3_LIBRARY} ${SOCI_POSTGRESQL_LIBRARY}
                      ${SOCI_CORE_LIBRARY} ${SQLITE3_LIBRARY} PkgConfig::PQ
                      m ${CMAKE_DL_LIBS} Threads::Threads)

# libcurl is loaded when the daemon first asks the authority (daemon/curl_library.h): its headers only.
find_path(CURL_INCLUDE_DIR curl/curl.h REQUIRED)
add_library(entitle_curl INTERFACE)
target_include_directories(entitle_curl SYSTEM INTERFACE ${CURL_INCLUDE_DIR})
target_link_libraries(entitle_curl INTERFACE ${CMAKE_DL_LIBS})

# tpm2-tss is loaded by the process that asks the TPM (daemon/tpm_library.h): its headers only.
find_path(TSS2_INCLUDE_DIR tss2/tss2_esys.h REQUIRED)
add_library(entitle_tss INTERFACE)
target_include_directories(entitle_tss SYSTEM INTERFACE ${TSS2_INCLUDE_DIR})
target_link_libraries(entitle_tss INTERFACE ${CMAKE_DL_LIBS})

# libsystemd likewise, when there is a system bus to speak to (daemon/bus_library_linux.h).
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=252)
add_library(entitle_systemd INTERFACE)
target_include_directories(entitle_systemd SYSTEM INTERFACE ${SYSTEMD_INCLUDE_DIRS})
target_link_libraries(entitle_systemd INTERFACE ${CMAKE_DL_LIBS})
