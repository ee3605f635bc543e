// Sockets that the supervisor listens on and hands over at our start: who connects before we are there waits in their
// queue, and a restart loses nobody. They stay the supervisor's: we neither make nor remove them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "daemon/owned_directory.h"

namespace entitle {

class HandedSockets {
  public:
    using Result = boost::system::result<HandedSockets, std::string>;

    // What the environment promises to this process (sd_listen_fds(3)), and removes it there. Each has to be a
    // listening Unix stream socket with one of the `known` names, none twice; the error is a sentence. Nothing handed
    // over: none.
    static Result take(const std::vector<std::string_view>& known);
    // The same of `count` descriptors from `first` on; `names` are separated by colons. All are closed on an error.
    static Result check(int first, int count, std::string_view names, const std::vector<std::string_view>& known);

    Descriptor give(std::string_view name);  // empty: none of that name was handed over, or it was given already

  private:
    std::map<std::string, Descriptor, std::less<>> sockets_;
};

}  // namespace entitle
