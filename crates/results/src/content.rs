//! The digest of what results say, kept among them: whoever reads them sees whether they are what was written.

use basin_core::digest;
use serde_json::Value;

const KEY: &str = "digest";

/// Adds the digest to results.
pub fn seal_content(results: &mut Value) {
    let digest = digest_of(results);
    if let Value::Object(map) = results {
        map.insert(KEY.to_owned(), digest.into());
    }
}

/// The digest of all that stands there, but for a digest: of names and values in the order of the names, whatever the blanks.
fn digest_of(results: &Value) -> String {
    let mut rest = results.clone();
    if let Value::Object(map) = &mut rest {
        map.remove(KEY);
    }
    digest([rest.to_string().as_bytes()]).to_string()
}

/// Whether results are what was written. Those of earlier builds have no digest, and nothing to be held against.
///
/// # Errors
/// With both digests when they are not.
pub fn check_content(results: &Value) -> Result<(), String> {
    let found = digest_of(results);
    match results.get(KEY) {
        None => Ok(()),
        Some(Value::String(expected)) if *expected == found => Ok(()),
        Some(other) => Err(format!(
            "it is not what was written: its digest is {found}, expected {}",
            other.as_str().unwrap_or("one of 64 digits")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_becomes_another_number_or_name_is_seen() {
        let mut results = json!({"name": "a", "rows": [{"value": 0.1, "other": null}, {"value": 1e-300}]});
        check_content(&results).expect("an earlier build wrote no digest");
        seal_content(&mut results);
        check_content(&results).unwrap();
        let text = serde_json::to_string_pretty(&results).unwrap();
        let (mut refused, mut equal) = (0, 0);
        for (place, bit) in (0..text.len()).flat_map(|place| (0..7).map(move |bit| (place, bit))) {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let Ok(read) = serde_json::from_slice::<Value>(&bytes) else { continue };
            match check_content(&read) {
                Err(why) => {
                    assert!(why.starts_with("it is not what was written: its digest is "), "{why}");
                    refused += 1;
                }
                // A blank for a line's end, say; or the name of the digest itself.
                Ok(()) => {
                    assert!(
                        read == results || read.get(KEY).is_none(),
                        "{}",
                        String::from_utf8_lossy(&bytes)
                    );
                    equal += 1;
                }
            }
        }
        assert!(refused > 200 && equal > 10, "{refused} refused, {equal} equal");
        seal_content(&mut results);
        check_content(&results).expect("sealed again it is the same");
    }
}
