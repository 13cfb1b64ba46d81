//! State dicts of PyTorch, archives and rows of pickles: what is read can be written and read again.
#![no_main]

use basin_fuzz::{SHARED, bounded, told};
use libfuzzer_sys::{Corpus, fuzz_target};
use weight_matching::files::Checkpoint;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // The other format has a target of its own.
    if !matches!(bytes, [b'P', b'K', ..] | [0x80, ..]) {
        return Corpus::Reject;
    }
    match bounded(bytes.len(), SHARED, || Checkpoint::decode(bytes)) {
        Ok(network) => {
            let _ = network.check_weights();
            let written =
                Checkpoint::encode(&network.params, &network.kept).expect("what is read can be written");
            let again = Checkpoint::decode(&written).expect("what is written can be read");
            assert!(Checkpoint::encode(&again.params, &again.kept).expect("written before") == written);
        }
        Err(problem) => told(&problem),
    }
    Corpus::Keep
});
