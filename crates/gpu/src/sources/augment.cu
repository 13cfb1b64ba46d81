// Training images of one step from the whole set in memory: [set, side, side, 3] bytes to [n, side, side, 3], by
// the order and the draws of the epoch, with the bits of basin_data's augmentation: every product and sum is
// rounded by itself, and the mean grey is summed in its eight lanes.
//
// augment: grid x = images of the batch, block up to 1024 threads, a pixel each; images of at most 64 x 64. plain: any grid and block.

struct Draw {
    // Rows and columns by which the window is moved; whether it is mirrored; whether it is resampled at all.
    int shift_y, shift_x;
    u32 flip, warp;
    double zoom, centre_y, centre_x, cosine, sine;
    // 0 nothing, 1 brightness, 2 contrast, 3 saturation, 4 hue (in turns), in the order of their turn.
    u32 kinds[4];
    float factors[4];
};

const int MOST_PIXELS = 64 * 64;

struct Colour {
    float r, g, b;
};

__device__ inline float larger(float a, float b) { return a > b ? a : b; }
__device__ inline float smaller(float a, float b) { return a < b ? a : b; }
__device__ inline float clamp(float x, float high) { return smaller(larger(x, 0.0f), high); }
__device__ inline float grey(Colour c) { return plus(plus(times(0.2989f, c.r), times(0.587f, c.g)), times(0.114f, c.b)); }

__device__ inline Colour bilinear(const u8 *image, int side, float y, float x) {
    float top = floorf(y), left = floorf(x), down = y - top, right = x - left;
    float sums[3] = {0.0f, 0.0f, 0.0f};
    for (int corner = 0; corner < 4; corner++) {
        float above = corner < 2 ? 1.0f - down : down, beside = corner % 2 ? right : 1.0f - right;
        float row = top + (float)(corner / 2), column = left + (float)(corner % 2);
        if (row < 0.0f || row >= (float)side || column < 0.0f || column >= (float)side) continue;
        const u8 *from = image + ((int)row * side + (int)column) * 3;
        for (int c = 0; c < 3; c++) sums[c] = plus(sums[c], times(times(above, beside), (float)from[c]));
    }
    return {(float)(u8)(sums[0] + 0.5f), (float)(u8)(sums[1] + 0.5f), (float)(u8)(sums[2] + 0.5f)};
}

// A pixel after geometry, which rounds to bytes.
__device__ inline Colour moved(const u8 *image, int side, const Draw &d, int y, int x) {
    if (d.warp) {
        double middle = 0.5 * (double)side - 0.5, v = (double)y - middle, u = (double)x - middle;
        double across = plus(times(d.cosine, u), -times(d.sine, v));
        double row = plus(plus(times(d.cosine, v), times(d.sine, u)), d.centre_y) / d.zoom;
        double column = plus(d.flip ? -across : across, d.centre_x) / d.zoom;
        row = plus(plus(row, (double)d.shift_y), middle);
        column = plus(plus(column, (double)d.shift_x), middle);
        return bilinear(image, side, (float)row, (float)column);
    }
    int row = y + d.shift_y, column = (d.flip ? side - 1 - x : x) + d.shift_x;
    if (row < 0 || row >= side || column < 0 || column >= side) return {0.0f, 0.0f, 0.0f};
    const u8 *from = image + (row * side + column) * 3;
    return {(float)from[0], (float)from[1], (float)from[2]};
}

__device__ inline Colour turned(Colour c, float turns) {
    float value = larger(larger(c.r, c.g), c.b), chroma = value - smaller(smaller(c.r, c.g), c.b);
    float scale = 1.0f / larger(chroma, 1e-6f);
    float from_green = plus(times(c.b - c.r, scale), 2.0f), from_blue = plus(times(c.r - c.g, scale), 4.0f);
    float h = value == c.g ? from_green : from_blue;
    h = plus(value == c.r ? times(c.g - c.b, scale) : h, times(6.0f, turns));
    h = h < 0.0f ? h + 6.0f : h;
    h = h >= 6.0f ? h - 6.0f : h;
    float r = fabsf(h - 3.0f) - 1.0f, g = 2.0f - fabsf(h - 2.0f), b = 2.0f - fabsf(h - 4.0f);
    return {plus(value, -times(chroma, 1.0f - clamp(r, 1.0f))), plus(value, -times(chroma, 1.0f - clamp(g, 1.0f))),
            plus(value, -times(chroma, 1.0f - clamp(b, 1.0f)))};
}

// Each channel's clamp(factor x + offset).
__device__ inline Colour blended(Colour c, float factor, float offset) {
    return {clamp(plus(times(factor, c.r), offset), 255.0f), clamp(plus(times(factor, c.g), offset), 255.0f),
            clamp(plus(times(factor, c.b), offset), 255.0f)};
}

// The changes of colour from number `first` to before number `end`; `mean` is the image's mean grey.
__device__ inline Colour coloured(Colour c, const Draw &d, int first, int end, float mean) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (i < first || i >= end) continue;
        float factor = d.factors[i], rest = 1.0f - factor;
        if (d.kinds[i] == 1) c = blended(c, factor, 0.0f);
        if (d.kinds[i] == 2) c = blended(c, factor, times(rest, mean));
        if (d.kinds[i] == 3) c = blended(c, factor, times(rest, grey(c)));
        if (d.kinds[i] == 4) c = turned(c, factor);
    }
    return c;
}

// To nearest even: 2^23 leaves the integer in the low bits.
__device__ inline u32 to_byte(float x) { return float_to_bits(x + 8388608.0f) & 0xFFu; }

template <typename T>
__device__ void augment(T *out, u32 *labels_now, u64 *seeds_now, const State *state, const u8 *images, const u32 *labels,
                        const u32 *order, const Draw *draws, const u64 *seeds, const float *normal, int side) {
    __shared__ float greys[MOST_PIXELS], lanes[8], mean_grey;
    long long at = (long long)state->step * gridDim.x + blockIdx.x;
    u32 index = order[at];
    int pixels = side * side, contrast = 4, whole = pixels / 8 * 8;
    const u8 *image = images + (long long)index * pixels * 3;
    Draw d = draws[at];
    if (threadIdx.x == 0) {
        labels_now[blockIdx.x] = labels[index];
        if (seeds) seeds_now[blockIdx.x] = seeds[at];
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (d.kinds[i] == 2) contrast = i;
    float mean = 0.0f;
    if (contrast < 4) {
        for (int i = (int)threadIdx.x; i < pixels; i += (int)blockDim.x)
            greys[i] = grey(coloured(moved(image, side, d, i / side, i % side), d, 0, contrast, 0.0f));
        __syncthreads();
        if (threadIdx.x < 8) {
            float sum = 0.0f;
#pragma unroll 16
            for (int i = (int)threadIdx.x; i < whole; i += 8) sum = plus(sum, greys[i]);
            lanes[threadIdx.x] = sum;
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            float sum = 0.0f, rest = 0.0f;
            for (int i = 0; i < 8; i++) sum = plus(sum, lanes[i]);
            for (int i = whole; i < pixels; i++) rest = plus(rest, greys[i]);
            mean_grey = plus(sum, rest) / (float)pixels;
        }
        __syncthreads();
        mean = mean_grey;
    }
    for (int i = (int)threadIdx.x; i < pixels; i += (int)blockDim.x) {
        Colour c = coloured(moved(image, side, d, i / side, i % side), d, 0, 4, mean);
        T *to = out + ((long long)blockIdx.x * pixels + i) * 3;
        to[0] = narrow<T>(normal[to_byte(c.r)]);
        to[1] = narrow<T>(normal[256 + to_byte(c.g)]);
        to[2] = narrow<T>(normal[512 + to_byte(c.b)]);
    }
}

// Values of consecutive images from byte `first` on, as they are.
template <typename T> __device__ void plain(T *out, const u8 *images, const float *normal, int values) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x)
        out[i] = narrow<T>(normal[i % 3 * 256 + images[i]]);
}

extern "C" __global__ void __launch_bounds__(1024) augment_f32(float *out, u32 *labels_now, u64 *seeds_now, const State *state, const u8 *images, const u32 *labels, const u32 *order, const Draw *draws, const u64 *seeds, const float *normal, int side) {
    augment(out, labels_now, seeds_now, state, images, labels, order, draws, seeds, normal, side);
}
extern "C" __global__ void __launch_bounds__(1024) augment_bf16(bf16 *out, u32 *labels_now, u64 *seeds_now, const State *state, const u8 *images, const u32 *labels, const u32 *order, const Draw *draws, const u64 *seeds, const float *normal, int side) {
    augment(out, labels_now, seeds_now, state, images, labels, order, draws, seeds, normal, side);
}
extern "C" __global__ void plain_f32(float *out, const u8 *images, const float *normal, int values) { plain(out, images, normal, values); }
extern "C" __global__ void plain_bf16(bf16 *out, const u8 *images, const float *normal, int values) { plain(out, images, normal, values); }
