//! The console's files go into the binary; where they were not built, a page saying so does.

#![allow(clippy::expect_used, reason = "a build script fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DIST: &str = "dashboards/console/dist";
const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
  <head><meta charset=\"utf-8\" /><title>Tidewaiter</title></head>
  <body>
    <h1>The console was not built</h1>
    <p>This binary was compiled without it. Run <code>scripts/build-console</code> and compile again.</p>
    <p>The API answers: <a href=\"/api/v1/incidents\">incidents</a>, <a href=\"/api/v1/stats\">stats</a>,
      <a href=\"/api/v1/openapi.json\">its description</a>.</p>
  </body>
</html>
";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={DIST}");
    // Both are read into the binary by macros, which cargo does not see through.
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=src/adapters/store/migrations");
    let page = Path::new(DIST).join("index.html");
    if page.exists() {
        return;
    }
    println!("cargo:warning=the console was not built; run scripts/build-console to have it");
    fs::create_dir_all(DIST).expect("the console's folder can be made");
    fs::write(&page, PLACEHOLDER).expect("the placeholder can be written");
    // Older than every source, so that scripts/build-console sees that the console is to be built.
    let file = fs::File::options().write(true).open(&page).expect("the placeholder is there");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).expect("a time can be set");
}
