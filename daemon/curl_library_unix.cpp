#include "daemon/curl_library.h"

#include <stdexcept>

#include <dlfcn.h>

namespace entitle {
namespace {

template <class Function>
void find(void* library, const char* name, Function& into) {
    into = reinterpret_cast<Function>(::dlsym(library, name));
    if (!into) throw std::runtime_error(std::string("libcurl is too old: it has no ") + name);
}

CurlLibrary open() {
    // By the loader's own search, which knows no working directory; never unloaded, since its threads may outlive us.
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        const char* why = ::dlerror();
        throw std::runtime_error(std::string("libcurl cannot be loaded (") + (why ? why : "unknown") +
                                 "): install libcurl4");
    }
    CurlLibrary curl;
    find(library, "curl_global_init", curl.globalInit);
    find(library, "curl_version_info", curl.versionInfo);
    find(library, "curl_slist_append", curl.slistAppend);
    find(library, "curl_slist_free_all", curl.slistFree);
    find(library, "curl_easy_init", curl.easyInit);
    find(library, "curl_easy_cleanup", curl.easyCleanup);
    find(library, "curl_easy_setopt", curl.easySet);
    find(library, "curl_easy_getinfo", curl.easyGet);
    find(library, "curl_easy_strerror", curl.easyError);
    find(library, "curl_multi_init", curl.multiInit);
    find(library, "curl_multi_cleanup", curl.multiCleanup);
    find(library, "curl_multi_setopt", curl.multiSet);
    find(library, "curl_multi_add_handle", curl.multiAdd);
    find(library, "curl_multi_remove_handle", curl.multiRemove);
    find(library, "curl_multi_perform", curl.multiPerform);
    find(library, "curl_multi_info_read", curl.multiRead);
    find(library, "curl_multi_poll", curl.multiPoll);
    find(library, "curl_multi_wakeup", curl.multiWakeup);
    if (curl.globalInit(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::runtime_error("libcurl does not start");
    return curl;
}

}  // namespace

boost::system::result<const CurlLibrary*, std::string> CurlLibrary::load() {
    using Result = boost::system::result<const CurlLibrary*, std::string>;
    try {
        static const CurlLibrary curl = open();  // after a failure the next call tries again
        return Result(boost::system::in_place_value, &curl);
    } catch (const std::runtime_error& fault) {
        return Result(boost::system::in_place_error, fault.what());
    }
}

}  // namespace entitle
