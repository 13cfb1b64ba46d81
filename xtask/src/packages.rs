//! What a crate needs before it can be given away: who it is, what it may be used for, and the words of its licences.

use serde_json::Value;
use std::path::Path;

/// The licences that every crate is under, each with its text beside the manifest.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Adds what a package of `cargo metadata` lacks; those that are never published lack nothing.
pub(crate) fn complete(package: &Value, broken: &mut Vec<String>) {
    if package["publish"].as_array().is_some_and(Vec::is_empty) {
        return;
    }
    let name = package["name"].as_str().unwrap_or_default();
    for field in ["description", "license", "repository", "readme", "rust_version"] {
        if package[field].as_str().unwrap_or_default().is_empty() {
            broken.push(format!("{name} has no {field} in its manifest"));
        }
    }
    for field in ["keywords", "categories"] {
        if package[field].as_array().is_none_or(|words| words.is_empty() || words.len() > 5) {
            broken.push(format!("{name} has no {field}, or more than five, in its manifest"));
        }
    }
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    for licence in LICENCES.iter().filter(|licence| !manifest.with_file_name(licence).is_file()) {
        broken.push(format!("{name} has no {licence}: `ln -s` the one of the workspace"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_a_package_lacks_is_told() {
        let mut broken = Vec::new();
        complete(&json!({"name": "tests", "publish": []}), &mut broken);
        assert!(broken.is_empty(), "{broken:?}");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        complete(
            &json!({"name": "a", "publish": null, "license": "MIT", "manifest_path": manifest}),
            &mut broken,
        );
        for what in ["description", "repository", "readme", "rust_version", "keywords", "LICENSE-MIT"] {
            assert!(broken.iter().any(|told| told.contains(what)), "{what} in {broken:?}");
        }
        assert!(!broken.iter().any(|told| told.contains("no license ")), "{broken:?}");
    }
}
