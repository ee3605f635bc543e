// Sanitizers slow everything down and hide the resident size: counts of repetitions are a tenth, sizes are not judged.
// Under an emulator the resident size is the emulator's, translated code and all.
#pragma once

namespace entitle {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

#ifdef ENTITLE_EMULATED
inline constexpr bool residentSizeIsOurs = false;
#else
inline constexpr bool residentSizeIsOurs = !sanitized;
#endif

}  // namespace entitle
