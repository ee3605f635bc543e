// Sanitizers slow everything down and hide the resident size: counts of repetitions are a tenth, sizes are not judged.
#pragma once

namespace entitle {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace entitle
