//! Both algorithms, all passes, every instruction set of this CPU, against the definition in f64.

use basin_kernels::Isa;
use basin_kernels::conv::{
    Algorithm, ConvShape, PackedConv, forward, forward_then, input_gradient, weight_gradient,
};

/// Values without pattern in [-1, 1).
fn values(stream: u32, len: usize) -> Vec<f32> {
    basin_fixtures::array(stream, len, 1.0, 0.0)
}

/// One convolution with its inputs and what the definition gives.
struct Case {
    shape: ConvShape,
    size: (usize, usize, usize),
    x: Vec<f32>,
    weights: Vec<f32>,
    dy: Vec<f32>,
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

impl Case {
    fn new(shape: ConvShape, size: (usize, usize, usize)) -> Self {
        let ((n, h, w), ConvShape { cin, cout, kernel: k, stride }) = (size, shape);
        let (oh, ow) = (shape.output(h), shape.output(w));
        let (x, weights) = (values(1, n * h * w * cin), values(2, shape.weights()));
        let dy = values(3, n * oh * ow * cout);
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weights.len()]);
        let (top, left) = (shape.padding(h).0, shape.padding(w).0);
        for (i, oy, ox) in (0..n * oh * ow).map(|p| (p / (oh * ow), p / ow % oh, p % ow)) {
            for (ky, kx) in (0..k * k).map(|t| (t / k, t % k)) {
                let (iy, ix) = ((oy * stride + ky).wrapping_sub(top), (ox * stride + kx).wrapping_sub(left));
                if iy >= h || ix >= w {
                    continue;
                }
                for (o, c) in (0..cout * cin).map(|p| (p / cin, p % cin)) {
                    let out = ((i * oh + oy) * ow + ox) * cout + o;
                    let (input, weight) =
                        (((i * h + iy) * w + ix) * cin + c, ((o * cin + c) * k + ky) * k + kx);
                    y[out] += f64::from(x[input]) * f64::from(weights[weight]);
                    dx[input] += f64::from(dy[out]) * f64::from(weights[weight]);
                    dw[weight] += f64::from(dy[out]) * f64::from(x[input]);
                }
            }
        }
        Self { shape, size, x, weights, dy, y, dx, dw }
    }

    /// Runs all passes and checks them; `add` also on top of a value of 1 everywhere.
    fn check(&self, algorithm: Algorithm, isa: Isa, rms: f64, largest: f64) {
        let (_, h, w) = self.size;
        let what = format!("{:?} {:?} {algorithm:?} {isa:?}", self.shape, self.size);
        let mut conv = PackedConv::with_algorithm(self.shape, algorithm, true, isa);
        conv.pack(&self.weights);
        let mut y = vec![f32::NAN; self.y.len()];
        forward(&conv, &self.x, h, w, &mut y).unwrap();
        close(&format!("{what} forward"), &y, &self.y, 0.0, rms, largest);
        for (start, add) in [(f32::NAN, false), (1.0, true)] {
            let offset = f64::from(u8::from(add));
            let mut dx = vec![start; self.dx.len()];
            input_gradient(&conv, &self.dy, h, w, &mut dx, add).unwrap();
            close(&format!("{what} input gradient"), &dx, &self.dx, offset, rms, largest);
            let (mut sum, mut dw) = (vec![start; conv.gradient_len()], vec![f32::NAN; self.dw.len()]);
            weight_gradient(&conv, &self.x, &self.dy, h, w, &mut sum, add).unwrap();
            conv.unpack_gradient(&sum, &mut dw);
            close(&format!("{what} weight gradient"), &dw, &self.dw, offset, rms, largest);
        }
    }
}

/// Root mean square and largest error, in units of the root mean square of what is expected.
#[track_caller]
fn close(what: &str, got: &[f32], expected: &[f64], offset: f64, rms: f64, largest: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = (expected.iter().map(|e| e * e).sum::<f64>() / expected.len() as f64).sqrt().max(1e-30);
    let errors: Vec<f64> =
        got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e - offset).abs() / scale).collect();
    let mean = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    let worst = errors.iter().fold(0.0f64, |m, e| if e.is_nan() { f64::NAN } else { m.max(*e) });
    assert!(mean <= rms && worst <= largest, "{what}: rms {mean:.2e}, largest {worst:.2e}");
}

#[test]
fn any_shape_is_right_by_matrix_products() {
    for (kernel, stride) in [(1, 1), (1, 2), (2, 1), (2, 3), (3, 1), (3, 2), (5, 1), (5, 3)] {
        for (cin, cout) in [(1, 1), (3, 8), (5, 17), (16, 33), (40, 24)] {
            for size in [(1, 1, 1), (2, 2, 3), (1, 7, 5), (3, 8, 8)] {
                let case = Case::new(ConvShape { cin, cout, kernel, stride }, size);
                Isa::available().into_iter().for_each(|isa| case.check(Algorithm::Direct, isa, 1e-6, 1e-5));
            }
        }
    }
}

/// The bounds are stated in the module's documentation.
#[test]
fn winograds_products_are_right_within_their_bound() {
    for (cin, cout) in [(16, 16), (32, 16), (16, 64), (48, 80), (256, 32)] {
        for size in [(1, 1, 1), (2, 3, 5), (1, 4, 4), (3, 8, 8), (2, 9, 6), (1, 32, 32)] {
            let case = Case::new(ConvShape { cin, cout, kernel: 3, stride: 1 }, size);
            Isa::available().into_iter().for_each(|isa| case.check(Algorithm::Winograd, isa, 3e-6, 5e-5));
        }
    }
}

#[test]
fn the_kept_and_the_blockwise_weight_gradient_are_both_right() {
    // More tiles than are transformed together: with few channels the sums are kept over chunks, with many every
    // block of channels sees all tiles.
    for channels in [16, 128] {
        let shape = ConvShape { cin: channels, cout: channels, kernel: 3, stride: 1 };
        Case::new(shape, (5, 16, 16)).check(Algorithm::Winograd, Isa::detect(), 3e-6, 5e-5);
    }
}

#[test]
fn an_algorithm_is_chosen_only_where_it_fits() {
    let isa = Isa::detect();
    for (kernel, stride, cin, cout) in
        [(3, 2, 64, 64), (1, 1, 64, 64), (5, 1, 64, 64), (3, 1, 3, 64), (3, 1, 64, 65)]
    {
        let shape = ConvShape { cin, cout, kernel, stride };
        assert!(!Algorithm::Winograd.fits(shape, isa), "{shape:?}");
        assert_eq!(Algorithm::fastest(shape, isa), Algorithm::Direct);
    }
    let shape = ConvShape { cin: 64, cout: 64, kernel: 3, stride: 1 };
    assert_eq!(Algorithm::fastest(shape, isa), Algorithm::Winograd);
}

#[test]
fn every_pixel_is_announced_once_it_is_finished() {
    for (algorithm, channels) in [(Algorithm::Direct, 5), (Algorithm::Winograd, 16)] {
        let case = Case::new(ConvShape { cin: channels, cout: channels, kernel: 3, stride: 1 }, (3, 9, 7));
        let mut conv = PackedConv::with_algorithm(case.shape, algorithm, false, Isa::detect());
        conv.pack(&case.weights);
        let (mut out, mut again) = (vec![0.0; case.y.len()], vec![f32::NAN; case.y.len()]);
        forward_then(&conv, &case.x, 9, 7, &mut out, |first, pixels| {
            again[first * channels..][..pixels.len()].copy_from_slice(pixels);
        })
        .unwrap();
        assert_eq!(again, out, "{algorithm:?}");
    }
}

#[test]
fn no_image_has_a_gradient_of_zero() {
    for (algorithm, channels) in [(Algorithm::Direct, 5), (Algorithm::Winograd, 16)] {
        let shape = ConvShape { cin: channels, cout: channels, kernel: 3, stride: 1 };
        let mut conv = PackedConv::with_algorithm(shape, algorithm, true, Isa::detect());
        conv.pack(&vec![1.0; shape.weights()]);
        let mut sum = vec![f32::NAN; conv.gradient_len()];
        weight_gradient(&conv, &[], &[], 4, 4, &mut sum, false).unwrap();
        assert!(sum.iter().all(|g| *g == 0.0), "{algorithm:?}");
        forward(&conv, &[], 4, 4, &mut []).unwrap();
        input_gradient(&conv, &[], 4, 4, &mut [], false).unwrap();
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let isa = Isa::detect();
    let never = PackedConv::empty(ConvShape { cin: 16, cout: 16, kernel: 3, stride: 1 }, false, isa);
    let refusal = forward(&never, &[0.0; 256], 4, 4, &mut [0.0; 256]).unwrap_err().to_string();
    assert!(refusal.contains("never packed"), "{refusal}");
    // Sizes whose product overflows to what the lengths are.
    let shape = ConvShape { cin: 1, cout: 6, kernel: 1, stride: 2 };
    let conv = PackedConv::new(shape, &[0.0; 6], false, isa);
    let refused = forward(&conv, &[0.0], 3, 0xAAAA_AAAA_AAAA_AAAB, &mut [0.0; 8]);
    let refusal = refused.unwrap_err().to_string();
    assert!(refusal.contains("1 inputs and 8 outputs"), "{refusal}");
    let case = Case::new(ConvShape { cin: 2, cout: 2, kernel: 3, stride: 1 }, (1, 3, 3));
    let conv = PackedConv::new(case.shape, &case.weights, false, isa);
    let refused = input_gradient(&conv, &case.dy, 3, 3, &mut [0.0; 18], false);
    let refusal = refused.unwrap_err().to_string();
    assert!(refusal.contains("packed without the input gradient"), "{refusal}");
    let mut short = vec![0.0; conv.gradient_len() - 1];
    let refused = weight_gradient(&conv, &case.x, &case.dy, 3, 3, &mut short, false);
    assert!(refused.unwrap_err().to_string().contains("sums of the weight gradient"));
}
