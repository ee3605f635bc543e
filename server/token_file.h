// Where `login` keeps a token: a file that only its owner can read, and for which server it is.
#pragma once

#include <filesystem>
#include <string>

#include "server/denial.h"

namespace entitle {

struct SavedToken {
    std::string server;  // its address; empty: the file was written by hand and holds nothing but the token
    std::string token;
};

Granted<SavedToken> readTokenFile(const std::filesystem::path&);
Granted<void> writeTokenFile(const std::filesystem::path&, const SavedToken&);  // 0600; its directory is made

}  // namespace entitle
