//! What statistics are refused for, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &RepairError) -> usize {
    match error {
        RepairError::Channels { .. } => 0,
        RepairError::Activations { .. } => 1,
        RepairError::Parts { .. } => 2,
        RepairError::Count { .. } => 3,
        RepairError::Channel { .. } => 4,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let told = [
        (
            RepairError::Channels { what: "the bias", expected: 4, found: 3 },
            "the bias has 3 channels, expected 4",
        ),
        (
            RepairError::Activations { shape: vec![0, 4] },
            "activations are [0, 4], expected [samples, channels] with at least one sample",
        ),
        (
            RepairError::Parts { channels: 4, lengths: vec![8, 3] },
            "parts of [8, 3] values, expected whole rows of 4 channels, at least one row",
        ),
        (RepairError::Count { weights: 3, endpoints: 2 }, "3 weights for 2 endpoints, expected one for each"),
        (
            RepairError::Channel { channel: 1, mean: 0.5, deviation: -1.0 },
            "channel 1 has mean 0.5 and deviation -1, expected finite numbers and a deviation >= 0",
        ),
    ];
    let mut seen = [false; 5];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 5], "every variant is told");
}
