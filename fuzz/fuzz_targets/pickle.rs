//! The pickle of a state dict alone, without the frame of a file around it, so that changes reach the machine: values
//! within the budget, a network or a refusal, with and without a key.
#![no_main]

use basin_fuzz::{SHARED, bounded};
use libfuzzer_sys::fuzz_target;
use weight_matching::files::Checkpoint;

/// The old format up to the pickle of the network.
const START: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";

fuzz_target!(|bytes: &[u8]| {
    let file = [START, bytes].concat();
    for key in [None, Some("a"), Some("0.model")] {
        match bounded(file.len(), SHARED, || Checkpoint::decode_key(&file, key)) {
            Ok(network) => {
                let _ = network.check_weights();
                assert!(network.common_prefixes().iter().all(|prefix| prefix.ends_with('.')));
                Checkpoint::encode(&network.params, &network.kept).expect("what is read can be written");
            }
            Err(problem) => {
                let told = problem.to_string();
                // Names are cut and escaped: a message is a message.
                assert!(told.len() < 8192 && !told.contains('\u{1b}'), "{told}");
            }
        }
    }
});
