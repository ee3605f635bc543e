// What a conversation with the authority leaves behind in memory, given back while the daemon waits for the next one.
#pragma once

namespace entitle {

// Free heap goes back to the system, and so does every page of a shared library that is unchanged from its file: the
// loader, libcurl and TLS run through megabytes once a day. A page needed again comes from the system's cache, without
// reading the disk. For a pause: what runs next is slower by some tenths of a millisecond. Any thread, at any time.
void giveBackIdleMemory();

}  // namespace entitle
