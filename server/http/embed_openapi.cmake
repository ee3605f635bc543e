# Writes OUTPUT, a C++ file that holds the document INPUT: cmake -D OUTPUT=… -D INPUT=… -P embed_openapi.cmake
file(READ "${INPUT}" document)
# A string literal may be 64 KiB; the pieces of a long one are joined by the compiler.
string(LENGTH "${document}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${document}" ${at} 16000 piece)
  string(APPEND pieces "R\"openapi(${piece})openapi\"\n")
  math(EXPR at "${at} + 16000")
endwhile()
file(WRITE "${OUTPUT}" "// Made from server/http/openapi.json by server/http/embed_openapi.cmake.
#include \"server/http/openapi.h\"

namespace entitle {

std::string_view openApiDocument() {
    return ${pieces};
}

}  // namespace entitle
")
