// What follows a dense layer's product z [rows, c]: bias, exact GELU, dropout, residual; and the way back.
// Any grid and block; threads stride over the values.
//
// GELU: y = z Phi(z) (Hendrycks and Gimpel, 2016), with the complementary error function, so that nothing cancels.
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
    __device__ float apply(float value, int i) const {
        if (threshold == 0) return value;
        const u64 golden = 0x9E3779B97F4A7C15ull;
        u64 key = mix(mix(seeds[i / per_image] + golden) + golden * ((u64)site + 1));
        u32 at = (u32)(i % per_image), h = at / 1024 * 512 + at % 512 + (u32)key;
        h = ((h ^ (h >> 16)) * 0x7FEB352Du) ^ (u32)(key >> 32);
        h = (h ^ (h >> 15)) * 0x846CA68Bu;
        h ^= h >> 16;
        u32 draw = at / 512 % 2 ? h >> 16 : h & 0xFFFFu;
        return draw >= threshold ? value * scale : 0.0f;
    }
};

__device__ inline float below(float z) { return 0.5f * erfcf(z * -0.70710678f); }

// y <- dropout(act(z + bias)) + residual. With a GELU z <- z + bias as well. y may be z where there is none.
template <typename T>
__device__ void forward(T *y, T *z, const float *bias, const T *residual, int rows, int c, int gelu, Dropout drop) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows * c; i += gridDim.x * blockDim.x) {
        float value = widen(z[i]) + bias[i % c];
        if (gelu) {
            T before = narrow<T>(value);
            z[i] = before;
            value = widen(before);
            value *= below(value);
        }
        value = drop.apply(value, i);
        if (residual) value += widen(residual[i]);
        y[i] = narrow<T>(value);
    }
}

// dz <- dropout(dy) act'(z); without a GELU z is not read.
template <typename T>
__device__ void backward(T *dz, const T *dy, const T *z, int rows, int c, int gelu, Dropout drop) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows * c; i += gridDim.x * blockDim.x) {
        float gradient = drop.apply(widen(dy[i]), i);
        if (gelu) {
            float at = widen(z[i]);
            gradient *= below(at) + at * 0.3989423f * expf(-0.5f * at * at);
        }
        dz[i] = narrow<T>(gradient);
    }
}

extern "C" __global__ void dense_forward_f32(float *y, float *z, const float *bias, const float *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_f32(float *dz, const float *dy, const float *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_forward_bf16(bf16 *y, bf16 *z, const float *bias, const bf16 *residual, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    forward(y, z, bias, residual, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
extern "C" __global__ void dense_backward_bf16(bf16 *dz, const bf16 *dy, const bf16 *z, int rows, int c, int gelu, const u64 *seeds, u32 site, u32 threshold, float scale, int per_image) {
    backward(dz, dy, z, rows, c, gelu, Dropout{seeds, site, threshold, scale, per_image});
}
