//! Copies between images and the lower right corner of larger images, on the device.

use super::error::driver;
use crate::gpu::GpuError;
use candle_core::cuda_backend::cudarc::driver::{CudaStream, sys};

/// Images of one size, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Images {
    /// Device address of the first.
    pub(super) address: u64,
    /// Rows of each.
    pub(super) rows: usize,
    /// Bytes of a row.
    pub(super) row: usize,
}

/// Copies what fits from the lower right corner of every one of `images` images to that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) from: Images,
    pub(super) to: Images,
    pub(super) images: usize,
}

impl Copy {
    /// Puts the copy into the stream. May be captured.
    ///
    /// # Safety
    /// Both addresses lead to as much device memory as their sizes say, freed in the stream's order.
    pub(super) unsafe fn enqueue(&self, stream: &CudaStream) -> Result<(), GpuError> {
        let copy = self.described();
        // SAFETY: the caller vouches for both sides; the description is read before the call returns.
        let answer = unsafe { sys::cuMemcpy3DAsync_v2(&copy, stream.cu_stream()) };
        answer.result().map_err(|error| driver(error, "copy images"))
    }

    /// The driver's description: rows are its pitch, images its slices.
    fn described(&self) -> sys::CUDA_MEMCPY3D {
        let device = sys::CUmemorytype::CU_MEMORYTYPE_DEVICE;
        let (row, rows) = (self.from.row.min(self.to.row), self.from.rows.min(self.to.rows));
        sys::CUDA_MEMCPY3D {
            srcXInBytes: self.from.row - row,
            srcY: self.from.rows - rows,
            srcZ: 0,
            srcLOD: 0,
            srcMemoryType: device,
            srcHost: std::ptr::null(),
            srcDevice: self.from.address,
            srcArray: std::ptr::null_mut(),
            reserved0: std::ptr::null_mut(),
            srcPitch: self.from.row,
            srcHeight: self.from.rows,
            dstXInBytes: self.to.row - row,
            dstY: self.to.rows - rows,
            dstZ: 0,
            dstLOD: 0,
            dstMemoryType: device,
            dstHost: std::ptr::null_mut(),
            dstDevice: self.to.address,
            dstArray: std::ptr::null_mut(),
            reserved1: std::ptr::null_mut(),
            dstPitch: self.to.row,
            dstHeight: self.to.rows,
            WidthInBytes: row,
            Height: rows,
            Depth: self.images,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the driver does with a description, on addresses that are places in arrays.
    fn carry_out(copy: &sys::CUDA_MEMCPY3D, from: &[u8], to: &mut [u8]) {
        for (z, y, x) in (0..copy.Depth)
            .flat_map(|z| (0..copy.Height).flat_map(move |y| (0..copy.WidthInBytes).map(move |x| (z, y, x))))
        {
            to[(z * copy.dstHeight + copy.dstY + y) * copy.dstPitch + copy.dstXInBytes + x] =
                from[(z * copy.srcHeight + copy.srcY + y) * copy.srcPitch + copy.srcXInBytes + x];
        }
    }

    #[test]
    fn an_image_goes_into_the_corner_of_a_larger_one_and_back() {
        let (images, rows, row) = (2, 2, 3);
        let small = Images { address: 0, rows, row };
        let large = Images { address: 0, rows: rows + 1, row: row + 2 };
        let values: Vec<u8> = (1..=(images * rows * row) as u8).collect();
        let mut padded = vec![0; images * large.rows * large.row];
        carry_out(&Copy { from: small, to: large, images }.described(), &values, &mut padded);
        let expected =
            [[0; 5], [0, 0, 1, 2, 3], [0, 0, 4, 5, 6], [0; 5], [0, 0, 7, 8, 9], [0, 0, 10, 11, 12]];
        assert_eq!(padded, expected.concat());
        let mut back = vec![0; values.len()];
        carry_out(&Copy { from: large, to: small, images }.described(), &padded, &mut back);
        assert_eq!(back, values);
    }
}
