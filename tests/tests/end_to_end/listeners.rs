//! Addresses in the ways that people write them.

use std::net::SocketAddr;

use tests::{Client, Setup, wait_until};

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

/// `--listen localhost:8080` and `:8080`, as other servers take them.
#[test]
fn one_text_listens_on_both_families() {
    for (text, ipv4, ipv6) in [("localhost:0", "127.0.0.1", "::1"), (":0", "0.0.0.0", "::")] {
        let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
        let server = setup.arguments(&["--listen", text]).start();
        let addresses = || -> Vec<SocketAddr> {
            let printed = server.printed();
            let addresses = printed
                .iter()
                .filter_map(|line| line.strip_prefix("listening on "));
            addresses
                .filter_map(|address| address.parse().ok())
                .collect()
        };
        let expected: Vec<&str> = [ipv4, ipv6][..1 + usize::from(has_ipv6())].to_vec();
        wait_until("all are told", || addresses().len() == expected.len());
        for (address, ip) in addresses().into_iter().zip(expected) {
            assert_eq!(address.ip().to_string(), ip, "{text}");
            let mut loopback = address;
            if address.ip().is_unspecified() {
                let ip = if address.is_ipv4() {
                    "127.0.0.1"
                } else {
                    "::1"
                };
                loopback.set_ip(ip.parse().expect("an address"));
            }
            let client = Client::connect_to(loopback, "/echo", &[]);
            let mut client = client.expect("it is admitted");
            client.send("here");
            assert_eq!(client.text(), "here");
        }
    }
}
