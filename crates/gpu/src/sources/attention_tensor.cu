// Multi-head softmax attention on the tensor cores, for arrays as heads.cu says: in bf16, or in f32 with factors of
// products rounded to tf32. Scores, sums and softmax are f32 in registers; probabilities are rounded as factors are.
// The same passes as attention.cu.
//
// Grid: x = tiles of rows (queries; in the backward pass queries and keys in turns). Block: up to 8 warps of 16 rows
// each. The others pass through shared memory CHUNK at a time, all of them where an image has no more.

__device__ inline float row_max(float value) {
    for (int distance = 1; distance < 4; distance *= 2) {
        float other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}
__device__ inline float row_sum(float value) {
    for (int distance = 1; distance < 4; distance *= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

template <typename T, int MOST>
__device__ void forward(T *out, float *log_sum, const T *qkv, Head h, float scale) {
    const int ACROSS = 4;
    __shared__ Others<T, MOST> keys, values;
    int width = 3 * h.channels, own = first_row((int)blockIdx.x);
    float largest[2] = {-INFINITE, -INFINITE}, total[2] = {0.0f, 0.0f};
    Own<T, MOST> queries;
    Sums<T, MOST> sums;
    queries.load(qkv, h, width, own);
    sums.begin();
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
        // All rows of the warp beyond the last.
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float scores[ACROSS][4], now[2] = {largest[0], largest[1]};
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                if (other + across * 8 < count) queries.times(scores[across], keys, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    bool inside = first + other + across * 8 + pair() + v % 2 < h.tokens;
                    float score = inside ? scores[across][v] * scale : -INFINITE;
                    scores[across][v] = score;
                    now[v / 2] = score > now[v / 2] ? score : now[v / 2];
                }
            }
#pragma unroll
            for (int row = 0; row < 2; row++) {
                now[row] = row_max(now[row]);
                float fade = quick_exp(largest[row] - now[row]), sum = 0.0f;
#pragma unroll
                for (int i = 0; i < ACROSS * 2; i++) {
                    float &score = scores[i / 2][row * 2 + i % 2];
                    score = quick_exp(score - now[row]);
                    sum += score;
                }
                total[row] = total[row] * fade + row_sum(sum);
                largest[row] = now[row];
#pragma unroll
                for (int i = 0; i < MOST / 4; i++) sums.tiles[i / 2][row * 2 + i % 2] *= fade;
            }
            sums.add(scores, values, other, count);
        }
    }
    if (own >= h.tokens) return;
    float inverse[2] = {1.0f / total[0], 1.0f / total[1]};
    sums.store(out, h, h.channels, own, inverse);
    for (int row = 0; row < 2; row++) {
        int token = own + group() + row * 8;
        if (token < h.tokens && pair() == 0) log_sum[h.statistic(token)] = largest[row] + logf(total[row]);
    }
}

// Gradients of the queries of a tile.
template <typename T, int MOST>
__device__ void backward_queries(Others<T, MOST> &keys, Others<T, MOST> &values, T *dqkv, const T *qkv, const T *out,
                                 const T *dout, const float *log_sum, Head h, float scale, int tile) {
    const int ACROSS = 2;
    int width = 3 * h.channels, own = first_row(tile);
    float means[2], logs[2];
    Own<T, MOST> queries, douts, outs;
    Sums<T, MOST> sums;
    queries.load(qkv, h, width, own);
    douts.load(dout, h, h.channels, own);
    outs.load(out, h, h.channels, own);
    douts.dots(means, outs);
    sums.begin();
    for (int row = 0; row < 2; row++) {
        int token = own + group() + row * 8;
        logs[row] = token < h.tokens ? log_sum[h.statistic(token)] : 0.0f;
    }
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float weights[ACROSS][4];
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                float scores[4], through[4];
                queries.times(scores, keys, other + across * 8);
                douts.times(through, values, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    bool inside = first + other + across * 8 + pair() + v % 2 < h.tokens;
                    float weight = quick_exp(scores[v] * scale - logs[v / 2]) * (through[v] - means[v / 2]) * scale;
                    weights[across][v] = inside ? weight : 0.0f;
                }
            }
            sums.add(weights, keys, other, count);
        }
    }
    float one[2] = {1.0f, 1.0f};
    if (own < h.tokens) sums.store(dqkv, h, width, own, one);
}

// Sum over channels of a token's products of two arrays like `out`.
template <typename T> __device__ float dot(const T *a, const T *b, Head h, int token) {
    const int RUN = Factor<T>::RUN;
    const T *at_a = a + h.row(token, h.channels), *at_b = b + h.row(token, h.channels);
    float sum = 0.0f;
    if (h.size % RUN == 0) {
        for (int channel = 0; channel < h.size; channel += RUN) {
            Vector<T> left = *(const Vector<T> *)(at_a + channel), right = *(const Vector<T> *)(at_b + channel);
#pragma unroll
            for (int v = 0; v < RUN; v++) sum += widen(left.values[v]) * widen(right.values[v]);
        }
    } else {
        for (int channel = 0; channel < h.size; channel++) sum += widen(at_a[channel]) * widen(at_b[channel]);
    }
    return sum;
}

// Gradients of the keys and values of a tile.
template <typename T, int MOST>
__device__ void backward_keys(Others<T, MOST> &queries, Others<T, MOST> &douts, T *dqkv, const T *qkv, const T *out,
                              const T *dout, const float *log_sum, Head h, float scale, int tile) {
    const int ACROSS = 2;
    __shared__ float logs[Others<T, MOST>::CHUNK], means[Others<T, MOST>::CHUNK];
    int width = 3 * h.channels, own = first_row(tile);
    Own<T, MOST> keys, values;
    Sums<T, MOST> dkeys, dvalues;
    keys.load(qkv + h.channels, h, width, own);
    values.load(qkv + 2 * h.channels, h, width, own);
    dkeys.begin();
    dvalues.begin();
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(queries, douts, qkv, dout, h, first, width, h.channels);
        for (int other = (int)threadIdx.x; other < count; other += (int)blockDim.x) {
            int token = first + other;
            // A query that is not there gives every key the weight exp(-infinity).
            logs[other] = token < h.tokens ? log_sum[h.statistic(token)] : INFINITE;
            means[other] = token < h.tokens ? dot(out, dout, h, token) : 0.0f;
        }
        __syncthreads();
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float weights[ACROSS][4], slopes[ACROSS][4];
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                float scores[4], through[4];
                keys.times(scores, queries, other + across * 8);
                values.times(through, douts, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    int query = other + across * 8 + pair() + v % 2;
                    weights[across][v] = quick_exp(scores[v] * scale - logs[query]);
                    slopes[across][v] = weights[across][v] * (through[v] - means[query]) * scale;
                }
            }
            dvalues.add(weights, douts, other, count);
            dkeys.add(slopes, queries, other, count);
        }
    }
    float one[2] = {1.0f, 1.0f};
    if (own >= h.tokens) return;
    dkeys.store(dqkv + h.channels, h, width, own, one);
    dvalues.store(dqkv + 2 * h.channels, h, width, own, one);
}

// Queries and keys in turns, so that blocks of both fill the device together.
template <typename T, int MOST>
__device__ void backward(T *dqkv, const T *qkv, const T *out, const T *dout, const float *log_sum, Head h, float scale) {
    __shared__ Others<T, MOST> a, b;
    int tile = (int)blockIdx.x / 2;
    if (blockIdx.x % 2 == 0) {
        backward_queries(a, b, dqkv, qkv, out, dout, log_sum, h, scale, tile);
    } else {
        backward_keys(a, b, dqkv, qkv, out, dout, log_sum, h, scale, tile);
    }
}

extern "C" __global__ void __launch_bounds__(256) attention_forward_32_bf16(bf16 *out, float *log_sum, const bf16 *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<bf16, 32>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
// So few registers that four blocks of 65 tokens share a multiprocessor.
extern "C" __global__ void __maxnreg__(96) attention_backward_32_bf16(bf16 *dqkv, const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<bf16, 32>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_64_bf16(bf16 *out, float *log_sum, const bf16 *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<bf16, 64>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_64_bf16(bf16 *dqkv, const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<bf16, 64>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_32_tf32(float *out, float *log_sum, const float *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<float, 32>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_32_tf32(float *dqkv, const float *qkv, const float *out, const float *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<float, 32>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_64_tf32(float *out, float *log_sum, const float *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<float, 64>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_64_tf32(float *dqkv, const float *qkv, const float *out, const float *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<float, 64>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
