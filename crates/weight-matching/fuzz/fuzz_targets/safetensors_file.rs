//! Safetensors as networks and as recorded activations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weight_matching::files::{Checkpoint, activation_misfits, decode_activations};
use weight_matching::recognise::{Told, recognise};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(network) = Checkpoint::decode(bytes) {
        let written =
            Checkpoint::encode(&network.params, &network.kept).expect("what is read can be written");
        let again = Checkpoint::decode(&written).expect("what is written can be read");
        assert_eq!(Checkpoint::encode(&again.params, &again.kept).expect("written before"), written);
        for ordered in [false, true] {
            if let Ok(found) = recognise(&network.params, &Told { ordered, ..Told::default() }) {
                assert!(found.spec.validate(&network.params).is_ok());
            }
        }
    }
    if let Ok(activations) = decode_activations(bytes) {
        let sizes = activations.iter().map(|(name, array)| (name.clone(), array.shape().len())).collect();
        for misfit in activation_misfits(&activations, &sizes, Some(&activations)) {
            assert!(!misfit.to_string().is_empty());
        }
    }
});
