// What follows a dense layer's product z [rows, c]: bias, exact GELU, dropout, residual; and the way back.
// Any grid and block; threads stride over the values.
//
// Dropout: the masks of basin_kernels::dropout, a function of an image's seed, the layer's number and the value's
// place in its image; a `threshold` of 0 drops nothing.

struct Dropout {
    const u64 *seeds;
    u32 site, threshold;
    float scale;
    int per_image;

    __device__ static u64 mix(u64 z) {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }
    // What all values of an image share, and a place in it.
    struct Place {
        u64 key;
        u32 at;
    };

    __device__ Place place(int i) const {
        if (threshold == 0) return {0, 0};
        const u64 golden = 0x9E3779B97F4A7C15ull;
        int image = i / per_image;
        return {mix(mix(seeds[image] + golden) + golden * ((u64)site + 1)), (u32)(i - image * per_image)};
    }
    // Of value v from there on.
    __device__ float apply(float value, const Place &place, int v) const {
        if (threshold == 0) return value;
        u64 key = place.key;
        u32 at = place.at + (u32)v, h = at / 1024 * 512 + at % 512 + (u32)key;
        h = ((h ^ (h >> 16)) * 0x7FEB352Du) ^ (u32)(key >> 32);
        h = (h ^ (h >> 15)) * 0x846CA68Bu;
        h ^= h >> 16;
        u32 draw = at / 512 % 2 ? h >> 16 : h & 0xFFFFu;
        return draw >= threshold ? value * scale : 0.0f;
    }
};

// y <- dropout(act(z + bias)) + residual. With a GELU z <- z + bias as well. y may be z where there is none. V values
// at a time, which divides c: they are of one image.
template <typename T, int V>
__device__ void forward(T *y, T *z, const float *bias, const T *residual, int rows, int c, int gelu, Dropout drop) {
    int runs = rows * c / V, across = c / V;
    for (int run = blockIdx.x * blockDim.x + threadIdx.x; run < runs; run += gridDim.x * blockDim.x) {
        Run<T, V> from = ((const Run<T, V> *)z)[run], beside = {}, to;
        float out[V];
        if (residual) beside = ((const Run<T, V> *)residual)[run];
        const float *offset = bias + run % across * V;
        Dropout::Place dropped = drop.place(run * V);
#pragma unroll
        for (int v = 0; v < V; v++) {
            float value = widen(from.values[v]) + offset[v];
            if (gelu) {
                from.values[v] = narrow<T>(value);
                value = widen(from.values[v]);
                value *= normal<T>(value).below;
            }
            value = drop.apply(value, dropped, v);
            if (residual) value += widen(beside.values[v]);
            out[v] = value;
        }
        narrow_run(to, out);
        if (gelu) ((Run<T, V> *)z)[run] = from;
        ((Run<T, V> *)y)[run] = to;
    }
}

// dz <- dropout(dy) act'(z); without a GELU z is not read.
template <typename T, int V>
__device__ void backward(T *dz, const T *dy, const T *z, int rows, int c, int gelu, Dropout drop) {
    int runs = rows * c / V;
    for (int run = blockIdx.x * blockDim.x + threadIdx.x; run < runs; run += gridDim.x * blockDim.x) {
        Run<T, V> gradient = ((const Run<T, V> *)dy)[run], before = {};
        float out[V];
        if (gelu) before = ((const Run<T, V> *)z)[run];
        Dropout::Place dropped = drop.place(run * V);
#pragma unroll
        for (int v = 0; v < V; v++) {
            float value = drop.apply(widen(gradient.values[v]), dropped, v);
            if (gelu) {
                float at = widen(before.values[v]);
                Normal n = normal<T>(at);
                value *= n.below + at * n.density;
            }
            out[v] = value;
        }
        narrow_run(gradient, out);
        ((Run<T, V> *)dz)[run] = gradient;
    }
}

extern "C" __global__ void dense_forward_f32(float *y, float *z, const float *bias, const float *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward<float, 4>(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_f32(float *dz, const float *dy, const float *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward<float, 4>(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_forward_bf16(bf16 *y, bf16 *z, const float *bias, const bf16 *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward<bf16, 8>(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_bf16(bf16 *dz, const bf16 *dy, const bf16 *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward<bf16, 8>(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_forward_f32_single(float *y, float *z, const float *bias, const float *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward<float, 1>(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_f32_single(float *dz, const float *dy, const float *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward<float, 1>(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_forward_bf16_single(bf16 *y, bf16 *z, const float *bias, const bf16 *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward<bf16, 1>(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_bf16_single(bf16 *dz, const bf16 *dy, const bf16 *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward<bf16, 1>(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
