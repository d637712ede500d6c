// A plugin in C++, from C++11 on: the same header, an option, a query, and an exception that does not cross the line.

#include <stdexcept>
#include <string>

#include "detent.h"

namespace {

struct Greeter {
    const detent_host *host;
    std::string greeting;
};

detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *, void **route,
                     const detent_sink *error)
{
    char greeting[32] = "hello";
    if (detent_option_string(host, config, "greeting", greeting, sizeof(greeting), error) < DETENT_OK)
        return DETENT_FAILED;
    *route = new Greeter{host, greeting};
    return DETENT_OK;
}

void destroy(void *route)
{
    delete static_cast<Greeter *>(route);
}

detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                      const detent_resumed *, void **, const detent_sink *error)
{
    const Greeter *of = static_cast<const Greeter *>(route);
    try {
        char nick[32];
        if (detent_query(of->host, request, "nick", nick, sizeof(nick)) != DETENT_OK)
            throw std::runtime_error("nobody");
        const std::string line = of->greeting + " " + nick;
        return of->host->send(of->host, client, DETENT_TEXT, detent_text(line.c_str()));
    } catch (const std::exception &what) {
        return detent_fail(error, what.what());
    }
}

detent_functions make_functions()
{
    detent_functions functions = {};
    functions.size = sizeof(functions);
    functions.create = create;
    functions.destroy = destroy;
    functions.on_open = on_open;
    return functions;
}

const detent_functions functions = make_functions();

} // namespace

DETENT_PLUGIN("greeter", "1.0.0", "/greeter", functions);
