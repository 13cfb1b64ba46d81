//! Safetensors as networks, as recorded activations, as states of a run and as records of measurements.
#![no_main]

use basin_core::{Record, TensorFile};
use basin_fuzz::{USUAL, bounded, told};
use libfuzzer_sys::fuzz_target;
use weight_matching::files::{Checkpoint, activation_misfits, decode_activations};
use weight_matching::recognise::{Told, recognise};

fuzz_target!(|bytes: &[u8]| {
    bounded(bytes.len(), USUAL, || network(bytes));
    bounded(bytes.len(), USUAL, || activations(bytes));
    bounded(bytes.len(), USUAL, || own_files(bytes));
});

fn network(bytes: &[u8]) {
    let network = match Checkpoint::decode(bytes) {
        Ok(network) => network,
        Err(problem) => return told(&problem),
    };
    let written = Checkpoint::encode(&network.params, &network.kept).expect("what is read can be written");
    let again = Checkpoint::decode(&written).expect("what is written can be read");
    assert!(Checkpoint::encode(&again.params, &again.kept).expect("written before") == written);
    for ordered in [false, true] {
        if let Ok(found) = recognise(&network.params, &Told { ordered, ..Told::default() }) {
            assert!(found.spec.validate(&network.params).is_ok());
        }
    }
}

fn activations(bytes: &[u8]) {
    let Ok(activations) = decode_activations(bytes) else { return };
    let sizes = activations.iter().map(|(name, array)| (name.clone(), array.shape().len())).collect();
    activation_misfits(&activations, &sizes, Some(&activations)).iter().for_each(|misfit| told(misfit));
}

/// What this project's own files hold comes back to the bit.
fn own_files(bytes: &[u8]) {
    match TensorFile::decode(bytes) {
        Ok(file) => {
            let written = file.encode();
            let again = TensorFile::decode(&written).expect("what is written can be read");
            assert!(again.encode() == written);
            assert_eq!(again.metadata.len(), file.metadata.len());
        }
        Err(error) => told(&error),
    }
    if let Ok(record) = Record::decode(bytes) {
        let written = record.encode();
        assert!(Record::decode(&written).expect("what is written can be read").encode() == written);
    }
}
