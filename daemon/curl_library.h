// libcurl, loaded when it is first needed: a machine that never asks the authority carries none of it.
#pragma once

#include <memory>
#include <string>

#include <boost/system/result.hpp>

#define CURL_DISABLE_TYPECHECK  // its macros would call the functions by name
#include <curl/curl.h>
// These are macros that count arguments.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

namespace entitle {

struct CurlLibrary {
    // Loads it and initialises it, once per process: call it in the thread that will use it. The words say what lacks.
    static boost::system::result<const CurlLibrary*, std::string> load();

    decltype(&::curl_global_init) globalInit = nullptr;
    decltype(&::curl_version_info) versionInfo = nullptr;
    decltype(&::curl_slist_append) slistAppend = nullptr;
    decltype(&::curl_slist_free_all) slistFree = nullptr;
    decltype(&::curl_easy_init) easyInit = nullptr;
    decltype(&::curl_easy_cleanup) easyCleanup = nullptr;
    decltype(&::curl_easy_setopt) easySet = nullptr;
    decltype(&::curl_easy_getinfo) easyGet = nullptr;
    decltype(&::curl_easy_strerror) easyError = nullptr;
    decltype(&::curl_multi_init) multiInit = nullptr;
    decltype(&::curl_multi_cleanup) multiCleanup = nullptr;
    decltype(&::curl_multi_setopt) multiSet = nullptr;
    decltype(&::curl_multi_add_handle) multiAdd = nullptr;
    decltype(&::curl_multi_remove_handle) multiRemove = nullptr;
    decltype(&::curl_multi_perform) multiPerform = nullptr;
    decltype(&::curl_multi_info_read) multiRead = nullptr;
    decltype(&::curl_multi_poll) multiPoll = nullptr;
    decltype(&::curl_multi_wakeup) multiWakeup = nullptr;
};

}  // namespace entitle
