// Images [images, rows, columns] of pixels of `words` words each, in the lower right corner of images that are `added`
// rows and columns larger. Block to a row, any number of threads; no thread of a block waits for another.

// Fills the larger images: what is more of them with zeros. Grid: images * (rows + added_rows).
template <typename T>
__device__ void fill(T *larger, const T *ours, int rows, int columns, int words, int added_rows, int added_columns) {
    int row = (int)blockIdx.x % (rows + added_rows) - added_rows, image = (int)blockIdx.x / (rows + added_rows);
    int zeros = added_columns * words, length = columns * words;
    T *to = larger + (long long)blockIdx.x * (zeros + length);
    const T *from = ours + ((long long)image * rows + row) * length;
    for (int i = (int)threadIdx.x; i < zeros + length; i += (int)blockDim.x) {
        to[i] = row < 0 || i < zeros ? T{} : from[i - zeros];
    }
}

// Takes ours out of the larger ones. Grid: images * rows.
template <typename T>
__device__ void take(T *ours, const T *larger, int rows, int columns, int words, int added_rows, int added_columns) {
    int row = (int)blockIdx.x % rows, image = (int)blockIdx.x / rows;
    int zeros = added_columns * words, length = columns * words;
    const T *from = larger + ((long long)image * (rows + added_rows) + row + added_rows) * (zeros + length) + zeros;
    T *to = ours + (long long)blockIdx.x * length;
    for (int i = (int)threadIdx.x; i < length; i += (int)blockDim.x) to[i] = from[i];
}

// Words of 16 bytes, to which everything is aligned, and of 2.
typedef Run<float, 4> Long;

extern "C" __global__ void corner_fill_16(Long *larger, const Long *ours, int rows, int columns, int words, int added_rows, int added_columns) { fill(larger, ours, rows, columns, words, added_rows, added_columns); }
extern "C" __global__ void corner_fill_2(u16 *larger, const u16 *ours, int rows, int columns, int words, int added_rows, int added_columns) { fill(larger, ours, rows, columns, words, added_rows, added_columns); }
extern "C" __global__ void corner_take_16(Long *ours, const Long *larger, int rows, int columns, int words, int added_rows, int added_columns) { take(ours, larger, rows, columns, words, added_rows, added_columns); }
extern "C" __global__ void corner_take_2(u16 *ours, const u16 *larger, int rows, int columns, int words, int added_rows, int added_columns) { take(ours, larger, rows, columns, words, added_rows, added_columns); }
