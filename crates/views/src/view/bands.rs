//! Spectral bands of RGB images, with three channels out, so that one network reads all of them.

use super::given::Given;
use super::picture::Picture;

/// Luma of ITU-R BT.601 in all channels, as torchvision's `rgb_to_grayscale`, rounded to the nearest byte.
pub(super) fn grey(picture: &mut Picture, _: &Given<'_>) {
    picture.each_pixel(|rgb| {
        let sum = 299 * u32::from(rgb[0]) + 587 * u32::from(rgb[1]) + 114 * u32::from(rgb[2]);
        rgb.fill(((sum + 500) / 1000) as u8);
    });
}

/// One channel in all channels.
pub(super) fn band(picture: &mut Picture, given: &Given<'_>) {
    let channel = given.values[0] as usize;
    picture.each_pixel(|rgb| rgb.fill(rgb[channel]));
}

/// One channel replaced by its training mean, rounded to the nearest byte.
pub(super) fn without(picture: &mut Picture, given: &Given<'_>) {
    let channel = given.values[0] as usize;
    let mean = (given.means[channel] * 255.0).round() as u8;
    picture.each_pixel(|rgb| rgb[channel] = mean);
}

/// Two channels and the mean of both, halves rounded up.
pub(super) fn pair(picture: &mut Picture, given: &Given<'_>) {
    let (first, second) = (given.values[0] as usize, given.values[1] as usize);
    picture.each_pixel(|rgb| {
        let (a, b) = (rgb[first], rgb[second]);
        rgb.copy_from_slice(&[a, b, (u16::from(a) + u16::from(b)).div_ceil(2) as u8]);
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;

    const PIXELS: [u8; 12] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 21, 255];

    #[test]
    fn grey_is_the_luma_in_all_channels() {
        assert_eq!(seen("grey", 2, &PIXELS), [76, 76, 76, 150, 150, 150, 29, 29, 29, 44, 44, 44]);
    }

    #[test]
    fn bands_are_copied_dropped_and_paired() {
        assert_eq!(seen("band:1", 2, &PIXELS), [0, 0, 0, 255, 255, 255, 0, 0, 0, 21, 21, 21]);
        // The mean of blue in the statistics of CIFAR-10 is .4465 of 255.
        assert_eq!(seen("drop:2", 2, &PIXELS), [255, 0, 114, 0, 255, 114, 0, 0, 114, 10, 21, 114]);
        assert_eq!(seen("pair:0,1", 2, &PIXELS), [255, 0, 128, 0, 255, 128, 0, 0, 0, 10, 21, 16]);
        assert_eq!(seen("pair:1,0", 2, &PIXELS)[..3], [0, 255, 128]);
    }
}
