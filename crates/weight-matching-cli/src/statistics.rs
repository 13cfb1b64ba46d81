//! Running statistics of batch normalisation, which no merge can know.

use basin_core::Params;

/// What has to be said where a merged network with batch normalisation is written.
pub(crate) fn warning(merged: &Params) -> Option<String> {
    let norms = merged.iter().filter(|(name, _)| name.rsplit('.').next() == Some("running_mean")).count();
    (norms > 0).then(|| {
        format!(
            "the running statistics of its {norms} batch normalisations are the means of the networks', which are not \
             those of the merged network: its accuracy may be near chance until they are estimated again on training \
             images (ten lines of PyTorch: README, Merging networks with batch normalisation)"
        )
    })
}
