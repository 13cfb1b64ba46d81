// Multi-head softmax attention in f32: softmax(q k^T scale) v per head, for arrays as heads.cu says.
// The forward pass is that of Milakov and Gimelshein (2018) with the sums kept up to date from tile to tile;
// the backward pass makes the probabilities again (Dao et al., "FlashAttention", 2022, Alg. 4).
//
// Grid: x = tiles of 32 rows (queries; keys in backward_keys), y = heads, z = images. Block: 256 threads, 8 warps
// of 4 rows each. The others pass through shared memory 32 at a time: for the scores a lane holds one of them,
// for the sums over them a lane holds channels `lane` and `lane + 32`. Heads have at most 64 channels.

const int OTHERS = 32, MOST = 64, OWN = 4, WARPS = 8;

// 32 tokens of two arrays into shared memory, zeros beyond the last.
__device__ void load_others(float (*a)[MOST + 1], float (*b)[MOST + 1], const float *from_a, const float *from_b, Head h,
                            int first, int width_a, int width_b) {
    for (int i = (int)threadIdx.x; i < OTHERS * h.size; i += (int)blockDim.x) {
        int other = i / h.size, channel = i % h.size;
        bool inside = first + other < h.tokens;
        a[other][channel] = inside ? from_a[h.row(first + other, width_a) + channel] : 0.0f;
        b[other][channel] = inside ? from_b[h.row(first + other, width_b) + channel] : 0.0f;
    }
}

// A warp's own 4 rows of one array; row i of warp w is w + 8 i.
__device__ void load_own(float (*to)[MOST], const float *from, Head h, int width) {
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    for (int i = 0; i < OWN; i++) {
        int token = (int)blockIdx.x * 32 + warp + 8 * i;
        for (int channel = lane; channel < h.size; channel += 32)
            to[warp * OWN + i][channel] = token < h.tokens ? from[h.row(token, width) + channel] : 0.0f;
    }
}

__device__ inline float dot(const float *a, const float *b, int size) {
    float sum = 0.0f;
    for (int i = 0; i < size; i++) sum += a[i] * b[i];
    return sum;
}

__device__ void forward(float *out, float *log_sum, const float *qkv, Head h, float scale) {
    __shared__ float keys[OTHERS][MOST + 1], values[OTHERS][MOST + 1], queries[WARPS * OWN][MOST], weights[WARPS][OTHERS];
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, width = 3 * h.channels;
    float largest[OWN], total[OWN], low[OWN], high[OWN];
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        largest[i] = -INFINITE;
        total[i] = low[i] = high[i] = 0.0f;
    }
    load_own(queries, qkv, h, width);
    for (int first = 0; first < h.tokens; first += OTHERS) {
        __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            float score = dot(queries[warp * OWN + i], keys[lane], h.size) * scale;
            if (first + lane >= h.tokens) score = -INFINITE;
            float now = warp_max(score);
            now = now > largest[i] ? now : largest[i];
            float weight = expf(score - now), fade = expf(largest[i] - now);
            largest[i] = now;
            total[i] = total[i] * fade + warp_sum(weight);
            weights[warp][lane] = weight;
            __syncwarp();
            low[i] *= fade;
            high[i] *= fade;
            for (int j = 0; j < OTHERS; j++) {
                low[i] += weights[warp][j] * values[j][lane];
                high[i] += weights[warp][j] * values[j][lane + 32];
            }
            __syncwarp();
        }
    }
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        int token = (int)blockIdx.x * 32 + warp + 8 * i;
        if (token >= h.tokens) continue;
        if (lane < h.size) out[h.row(token, h.channels) + lane] = low[i] / total[i];
        if (lane + 32 < h.size) out[h.row(token, h.channels) + lane + 32] = high[i] / total[i];
        if (lane == 0) log_sum[h.statistic(token)] = largest[i] + logf(total[i]);
    }
}

// Gradients of the queries, and delta.
__device__ void backward_queries(float *dqkv, float *delta, const float *qkv, const float *out, const float *dout, const float *log_sum,
                                 Head h, float scale) {
    __shared__ float keys[OTHERS][MOST + 1], values[OTHERS][MOST + 1], queries[WARPS * OWN][MOST], douts[WARPS * OWN][MOST];
    __shared__ float weights[WARPS][OTHERS];
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, width = 3 * h.channels;
    float sums[OWN], deltas[OWN], low[OWN], high[OWN];
    load_own(queries, qkv, h, width);
    load_own(douts, dout, h, h.channels);
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        int token = (int)blockIdx.x * 32 + warp + 8 * i;
        bool inside = token < h.tokens;
        float part = 0.0f;
        for (int channel = lane; inside && channel < h.size; channel += 32)
            part += out[h.row(token, h.channels) + channel] * douts[warp * OWN + i][channel];
        deltas[i] = warp_sum(part);
        sums[i] = inside ? log_sum[h.statistic(token)] : 0.0f;
        low[i] = high[i] = 0.0f;
        if (inside && lane == 0) delta[h.statistic(token)] = deltas[i];
    }
    for (int first = 0; first < h.tokens; first += OTHERS) {
        __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            float score = dot(queries[warp * OWN + i], keys[lane], h.size) * scale;
            float through = dot(douts[warp * OWN + i], values[lane], h.size) - deltas[i];
            weights[warp][lane] = first + lane < h.tokens ? expf(score - sums[i]) * through * scale : 0.0f;
            __syncwarp();
            for (int j = 0; j < OTHERS; j++) {
                low[i] += weights[warp][j] * keys[j][lane];
                high[i] += weights[warp][j] * keys[j][lane + 32];
            }
            __syncwarp();
        }
    }
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        int token = (int)blockIdx.x * 32 + warp + 8 * i;
        if (token >= h.tokens) continue;
        if (lane < h.size) dqkv[h.row(token, width) + lane] = low[i];
        if (lane + 32 < h.size) dqkv[h.row(token, width) + lane + 32] = high[i];
    }
}

// Gradients of the keys and values; delta is there.
__device__ void backward_keys(float *dqkv, const float *qkv, const float *dout, const float *log_sum, const float *delta, Head h,
                              float scale) {
    __shared__ float queries[OTHERS][MOST + 1], douts[OTHERS][MOST + 1], keys[WARPS * OWN][MOST], values[WARPS * OWN][MOST];
    __shared__ float weights[WARPS][2][OTHERS];
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, width = 3 * h.channels;
    float dkey[OWN][2], dvalue[OWN][2];
#pragma unroll
    for (int i = 0; i < OWN; i++) dkey[i][0] = dkey[i][1] = dvalue[i][0] = dvalue[i][1] = 0.0f;
    load_own(keys, qkv + h.channels, h, width);
    load_own(values, qkv + 2 * h.channels, h, width);
    for (int first = 0; first < h.tokens; first += OTHERS) {
        __syncthreads();
        load_others(queries, douts, qkv, dout, h, first, width, h.channels);
        __syncthreads();
        bool inside = first + lane < h.tokens;
        float sum = inside ? log_sum[h.statistic(first + lane)] : 0.0f;
        float mean = inside ? delta[h.statistic(first + lane)] : 0.0f;
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            float score = dot(keys[warp * OWN + i], queries[lane], h.size) * scale;
            float through = dot(values[warp * OWN + i], douts[lane], h.size) - mean;
            float weight = inside ? expf(score - sum) : 0.0f;
            weights[warp][0][lane] = weight;
            weights[warp][1][lane] = weight * through * scale;
            __syncwarp();
            for (int j = 0; j < OTHERS; j++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    dvalue[i][half] += weights[warp][0][j] * douts[j][lane + 32 * half];
                    dkey[i][half] += weights[warp][1][j] * queries[j][lane + 32 * half];
                }
            }
            __syncwarp();
        }
    }
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        int token = (int)blockIdx.x * 32 + warp + 8 * i;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int channel = lane + 32 * half;
            if (token >= h.tokens || channel >= h.size) continue;
            dqkv[h.row(token, width) + h.channels + channel] = dkey[i][half];
            dqkv[h.row(token, width) + 2 * h.channels + channel] = dvalue[i][half];
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) attention_forward_f32(float *out, float *log_sum, const float *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_queries_f32(float *dqkv, float *delta, const float *qkv, const float *out, const float *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward_queries(dqkv, delta, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_keys_f32(float *dqkv, const float *qkv, const float *dout, const float *log_sum, const float *delta, int tokens, int channels, int size, int heads, float scale) {
    backward_keys(dqkv, qkv, dout, log_sum, delta, Head{tokens, channels, size, heads}, scale);
}
