// Cap'n Proto 0.9.2 for clang 16 and newer. CMake includes it before everything else where both meet.
//
// In C++20 0.9.2 leaves `const char* == StringPtr` to the reversed member operators, which newer compilers no longer
// try, because there is an operator!= beside them. Its own headers use that comparison, so it has to be declared before
// them.
#pragma once

namespace kj {
class StringPtr;
inline bool operator==(const char* left, const StringPtr& right);
inline bool operator!=(const char* left, const StringPtr& right);
}  // namespace kj

#include <kj/string.h>

inline bool kj::operator==(const char* left, const StringPtr& right) {
    return right == StringPtr(left);
}
inline bool kj::operator!=(const char* left, const StringPtr& right) {
    return !(right == StringPtr(left));
}
