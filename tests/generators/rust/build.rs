//! Makes the client from the API document, as progenitor's own guide does it.
use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=openapi-3.0.json");
    let document = fs::read_to_string("openapi-3.0.json").unwrap();
    let api: openapiv3::OpenAPI = serde_json::from_str(&document).unwrap();
    let tokens = progenitor::Generator::default().generate_tokens(&api).unwrap();
    let code = prettyplease::unparse(&syn::parse2(tokens).unwrap());
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("hub.rs"), code).unwrap();
}
