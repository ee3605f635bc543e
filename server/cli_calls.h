// Commands that ask the API: at a server, or in this process on the authority's own directory.
#pragma once

#include <functional>
#include <string>

#include <boost/json/array.hpp>

#include "server/calls.h"
#include "server/cli.h"

namespace entitle {

// Where a command asks. --server, else the directory when --dir is given, else $ENTITLE_SERVER_URL, else the server
// that the token file names when --token-file is given, else the directory.
std::string serverOf(const Cli&);  // empty: the directory
std::filesystem::path tokenFileOf(const Cli&);

// A command that is for one of both only: refused in words when --server says otherwise.
Granted<void> checkHere(const Cli&, const std::string& what);

using ApiTask = std::function<Called<Answer>(ApiCalls&)>;
Command overApi(Cli&, ApiTask);
Answer told(const CallFailure&, const std::string& server);  // an answer that is a failure

// Every page of a list, at most `most` items (0: all). `path` may have a query.
Called<boost::json::array> readPages(ApiCalls&, const std::string& path, std::string_view member, int most);

// An account's id, of one named by its e-mail address or by its id.
Called<std::string> accountId(ApiCalls&, const std::string& idOrEmail);

Called<Answer> listKeys(ApiCalls&);  // cli_records.cpp

// A member as words: "-" when it is missing or null.
std::string word(const boost::json::object&, std::string_view name);

}  // namespace entitle
