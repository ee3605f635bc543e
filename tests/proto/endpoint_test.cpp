#include "proto/endpoint.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace entitle {
namespace {

TEST(Endpoint, IsTheSystemsPathUnlessOverridden) {
    EXPECT_EQ(queryEndpoint(std::nullopt).value(), (Endpoint{"/run/entitled/entitled.sock", EndpointTrust::system}));
    EXPECT_EQ(adminEndpoint("").value(), (Endpoint{"/run/entitled-admin/admin.sock", EndpointTrust::system}));
}

TEST(Endpoint, AnOverriddenPathIsTrustedAsItsUser) {
    EXPECT_EQ(queryEndpoint("/tmp/e.sock").value(), (Endpoint{"/tmp/e.sock", EndpointTrust::user}));
    EXPECT_EQ(adminEndpoint(std::string(querySocket)).value().trust, EndpointTrust::user);
}

TEST(Endpoint, RefusesAPathThatIsNoSocketAddress) {
    EXPECT_EQ(userEndpoint("run/e.sock").error(), EndpointError::notAbsolute);
    EXPECT_EQ(userEndpoint("").error(), EndpointError::notAbsolute);
    EXPECT_EQ(userEndpoint(std::string("\0abstract", 9)).error(), EndpointError::embeddedNul);
    EXPECT_TRUE(userEndpoint("/" + std::string(106, 'a')).has_value());
    EXPECT_EQ(userEndpoint("/" + std::string(107, 'a')).error(), EndpointError::tooLong);
}

TEST(Endpoint, ReadsTheEnvironment) {
    ASSERT_EQ(::setenv("ENTITLED_SOCKET", "/tmp/from-the-environment.sock", 1), 0);
    EXPECT_EQ(endpointVariable(querySocketVariable), "/tmp/from-the-environment.sock");
    ASSERT_EQ(::unsetenv("ENTITLED_SOCKET"), 0);
    EXPECT_EQ(endpointVariable(querySocketVariable), std::nullopt);
}

}  // namespace
}  // namespace entitle
