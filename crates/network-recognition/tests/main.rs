//! The crate as its users see it.

#[path = "../../permutation-spec/tests/forward.rs"]
#[allow(dead_code, reason = "shared with the tests of permutation-spec")]
mod forward;
#[path = "../../permutation-spec/tests/images.rs"]
#[allow(dead_code, reason = "shared with the tests of permutation-spec")]
mod images;
mod layers;
mod network;
#[path = "../../permutation-spec/tests/networks.rs"]
#[allow(dead_code, reason = "shared with the tests of permutation-spec")]
mod networks;
mod recognised;
mod recognised_cnns;
mod recognised_decoders;
mod recognised_groups;
mod recognised_mlps;
mod recognised_names;
mod recognised_others;
mod recognised_resnets;
mod recognised_traps;
mod recognised_vits;
mod vits;
