struct Hall;

plugin_api::export!(Hall, path = "/hall");

fn main() {}
