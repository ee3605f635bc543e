// The description of our D-Bus interface, as it is installed and as it is served.
#pragma once

#include <string>

namespace entitle {

// systemd/org.cryptoorchestrator.Entitled1.xml with the interfaces that every object has, as Introspect answers.
std::string servedIntrospection();

}  // namespace entitle
