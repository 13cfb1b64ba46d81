//! Element types of tensors, and how each floating type becomes `f32`.

use safetensors::Dtype;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Element {
    F16,
    Bf16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    F8E4M3,
    F8E5M2,
    F8E4M3Fnuz,
    F8E5M2Fnuz,
    F8E8M0,
    Complex64,
}

/// Each element type with its name, its size in bytes and its name in safetensors.
const ELEMENTS: [(Element, &str, usize, Dtype); 19] = [
    (Element::F16, "f16", 2, Dtype::F16),
    (Element::Bf16, "bf16", 2, Dtype::BF16),
    (Element::F32, "f32", 4, Dtype::F32),
    (Element::F64, "f64", 8, Dtype::F64),
    (Element::I8, "i8", 1, Dtype::I8),
    (Element::I16, "i16", 2, Dtype::I16),
    (Element::I32, "i32", 4, Dtype::I32),
    (Element::I64, "i64", 8, Dtype::I64),
    (Element::U8, "u8", 1, Dtype::U8),
    (Element::U16, "u16", 2, Dtype::U16),
    (Element::U32, "u32", 4, Dtype::U32),
    (Element::U64, "u64", 8, Dtype::U64),
    (Element::Bool, "bool", 1, Dtype::BOOL),
    (Element::F8E4M3, "f8_e4m3", 1, Dtype::F8_E4M3),
    (Element::F8E5M2, "f8_e5m2", 1, Dtype::F8_E5M2),
    (Element::F8E4M3Fnuz, "f8_e4m3fnuz", 1, Dtype::F8_E4M3FNUZ),
    (Element::F8E5M2Fnuz, "f8_e5m2fnuz", 1, Dtype::F8_E5M2FNUZ),
    (Element::F8E8M0, "f8_e8m0", 1, Dtype::F8_E8M0),
    (Element::Complex64, "complex64", 8, Dtype::C64),
];

impl Element {
    fn row(self) -> (Self, &'static str, usize, Dtype) {
        // The table is in the order of the variants, which a test checks.
        ELEMENTS[self as usize]
    }

    /// Short name, such as `bf16`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.row().2
    }

    /// Whether the elements are floating-point numbers that become `f32`: weights, as against counters.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// Whether the elements are floats of eight bits, which mean something only with the scales beside them.
    pub fn is_float8(self) -> bool {
        matches!(self, Self::F8E4M3 | Self::F8E5M2 | Self::F8E4M3Fnuz | Self::F8E5M2Fnuz | Self::F8E8M0)
    }

    pub(crate) fn dtype(self) -> Dtype {
        self.row().3
    }

    pub(crate) fn of_dtype(dtype: Dtype) -> Option<Self> {
        ELEMENTS.iter().find(|row| row.3 == dtype).map(|row| row.0)
    }

    /// The element type of PyTorch's storage class of that name.
    pub(crate) fn of_storage(class: &str) -> Option<Self> {
        Some(match class.strip_suffix("Storage")? {
            "Half" => Self::F16,
            "BFloat16" => Self::Bf16,
            "Float" => Self::F32,
            "Double" => Self::F64,
            "Char" => Self::I8,
            "Short" => Self::I16,
            "Int" => Self::I32,
            "Long" => Self::I64,
            "Byte" => Self::U8,
            "Bool" => Self::Bool,
            "ComplexFloat" => Self::Complex64,
            _ => return None,
        })
    }

    /// The element type that PyTorch calls by that name, such as `float8_e4m3fn`.
    pub(crate) fn of_torch(name: &str) -> Option<Self> {
        Some(match name {
            "float16" | "half" => Self::F16,
            "bfloat16" => Self::Bf16,
            "float32" | "float" => Self::F32,
            "float64" | "double" => Self::F64,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "int32" => Self::I32,
            "int64" => Self::I64,
            "uint8" => Self::U8,
            "uint16" => Self::U16,
            "uint32" => Self::U32,
            "uint64" => Self::U64,
            "bool" => Self::Bool,
            "complex64" => Self::Complex64,
            "float8_e4m3fn" => Self::F8E4M3,
            "float8_e5m2" => Self::F8E5M2,
            "float8_e4m3fnuz" => Self::F8E4M3Fnuz,
            "float8_e5m2fnuz" => Self::F8E5M2Fnuz,
            "float8_e8m0fnu" => Self::F8E8M0,
            _ => return None,
        })
    }

    /// Little-endian bytes of a floating type as `f32`; `None` for the other types. Exact but for `f64`,
    /// which rounds to nearest.
    pub(crate) fn to_f32(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let mut values = Vec::with_capacity(bytes.len() / self.size());
        self.add_f32(bytes, &mut values).then_some(values)
    }

    /// [`Element::to_f32`], added to others; whether it is a floating type.
    pub(crate) fn add_f32(self, bytes: &[u8], values: &mut Vec<f32>) -> bool {
        match self {
            Self::F32 => values.extend(each(bytes, f32::from_le_bytes)),
            Self::F64 => values.extend(each(bytes, |b| f64::from_le_bytes(b) as f32)),
            Self::F16 => values.extend(each(bytes, |b| half_to_f32(u16::from_le_bytes(b)))),
            Self::Bf16 => {
                values.extend(each(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)));
            }
            _ => return false,
        }
        true
    }

    /// Little-endian bytes of an index type as `i64`; `None` for the other types and for values above.
    pub(crate) fn to_i64(self, bytes: &[u8]) -> Option<Vec<i64>> {
        Some(match self {
            Self::I64 => each(bytes, i64::from_le_bytes).collect(),
            Self::I32 => each(bytes, |b| i32::from_le_bytes(b).into()).collect(),
            Self::U32 => each(bytes, |b| u32::from_le_bytes(b).into()).collect(),
            Self::U64 => each(bytes, |b| i64::try_from(u64::from_le_bytes(b)).unwrap_or(i64::MAX)).collect(),
            _ => return None,
        })
    }
}

fn each<const N: usize, T>(bytes: &[u8], decode: impl Fn([u8; N]) -> T) -> impl ExactSizeIterator<Item = T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(move |&chunk| decode(chunk))
}

/// IEEE 754 half precision to single, which holds every half exactly.
fn half_to_f32(half: u16) -> f32 {
    let sign = if half >> 15 == 1 { -1.0f32 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f32::from(half & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (position, row) in ELEMENTS.iter().enumerate() {
            assert_eq!(row.0 as usize, position);
            assert_eq!(row.3.bitsize(), 8 * row.2);
            assert_eq!(Element::of_dtype(row.0.dtype()), Some(row.0));
        }
    }

    #[test]
    fn halves_are_converted_exactly() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2f32.powi(-14)),
            (0x0001, 2f32.powi(-24)),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (half, expected) in cases {
            assert_eq!(half_to_f32(half), expected, "{half:04x}");
        }
        assert!(half_to_f32(0x7e00).is_nan());
        assert_eq!(half_to_f32(0x8000).to_bits(), (-0.0f32).to_bits());
    }
}
