#include <memory>

#include <boost/json/array.hpp>

#include "server/cli.h"
#include "server/serve.h"

namespace entitle {

void addServeCommand(CLI::App& app, Cli& cli) {
    struct Options {
        std::string config;
        std::vector<std::string> listen;
        bool check = false;
    };
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("serve", "Answer over HTTP until SIGTERM");
    command->footer(
        "Plain HTTP is for loopback, or for a proxy that terminates TLS (behind_proxy = true). Configuration: "
        "--config,\n"
        "else server.toml in the authority's directory; then ENTITLE_SERVER_LISTEN, ENTITLE_SERVER_TLS_CERTIFICATE,\n"
        "ENTITLE_SERVER_TLS_KEY, ENTITLE_SERVER_LOG_LEVEL, LICENSE_SECRET_KEY, ENABLE_DEMO_MODE, DEMO_MODE_MAX_BOTS.\n"
        "SIGHUP reads the certificate anew; SIGTERM finishes what is at work. The log is JSON on standard error.\n\n"
        "Examples:\n"
        "  entitle-server serve\n"
        "  entitle-server serve --listen 127.0.0.1:8000 --listen '[::1]:8000'\n"
        "  entitle-server serve --config /etc/entitle-server/server.toml --check-config");
    command->add_option("--config", options->config, "The configuration [server.toml in the authority's directory]")
        ->type_name("FILE");
    command->add_option("--listen", options->listen, "Address and port, instead of the configured [127.0.0.1:8000]")
        ->type_name("ADDRESS:PORT");
    command->add_flag("--check-config", options->check, "Say whether the configuration is fine, and serve nothing");
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            ServeWish wish;
            wish.directory = cli.directory();
            if (!options->config.empty()) wish.configFile = options->config;
            wish.listen = options->listen;
            wish.wait = std::chrono::seconds(cli.waitSeconds);
            Answer answer;
            if (options->check) {
                const auto config = readServeConfig(wish, cli.environment);
                if (!config) return config.error();
                boost::json::array listen(config->http.listen.begin(), config->http.listen.end());
                answer.text = "The configuration is fine.\n";
                for (const auto& each : config->http.listen)
                    answer.text += field("listen", (config->http.tls ? "https://" : "http://") + each);
                if (config->http.tls) answer.text += field("certificate", config->http.tls->describe());
                answer.json = {{"ok", true}, {"listen", std::move(listen)}, {"tls", config->http.tls != nullptr}};
                return answer;
            }
            if (auto done = serve(wish, cli.environment, {cli.now, cli.steady}); !done) return done.error();
            answer.json = {{"stopped", true}};
            return answer;
        };
    });
}

}  // namespace entitle
