//! The header in C++, by each standard from C++11 on without a warning, and the plugin that comes of it.

use std::fs;

use tests::{Client, Setup, compile_cplusplus};

#[test]
fn a_plugin_in_cplusplus_serves_whatever_the_standard() {
    let setup = Setup::new().configuration(
        "[[route]]\npath = \"/greeter\"\nplugin = \"greeter\"\n\
         [route.options]\ngreeting = \"hi\"\n",
    );
    let library = setup.plugins_folder().join("libgreeter.so");
    compile_cplusplus("greeter", "c++11", &library);
    let server = setup.start();
    let mut client = Client::connect(&server, "/greeter?nick=a%20b");
    assert_eq!(client.text(), "hi a b");
    let mut nobody = Client::connect(&server, "/greeter");
    assert_eq!(nobody.closed().0, 1011);
    server.wait_for_log(&["nobody"]);
    for standard in ["c++14", "c++17", "c++20"] {
        let other = server.folder().join("other.so");
        compile_cplusplus("greeter", standard, &other);
        let mut bytes = fs::read(&other).expect("it was compiled");
        // Whatever the compiler makes of it: another library.
        bytes.push(0);
        server.put_plugin("libgreeter.so", &bytes);
        let line = server.reload();
        assert!(
            line.contains("code of route /greeter"),
            "{standard}: {line}"
        );
        assert_eq!(client.text(), "hi a b", "{standard}");
    }
}
