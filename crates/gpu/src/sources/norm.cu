// LayerNorm over the c channels of each row, an optional shortcut, an optional ReLU, in one pass each way:
// y = act(gamma (x - mean) rstd + beta + shortcut). x, y, shortcut, dy, dx: [rows, c]; statistics: [rows, 2], mean
// and reciprocal deviation; gamma, beta: [c], f32. `passed` keeps what of y is positive, for the gradient of the ReLU:
// a byte for every run of V channels, bit v for its channel v; of the kernels `_any` a byte for every channel.
//
// Grid: any number of blocks along x; block: 256 threads. Rows are strided over by groups of `lanes` lanes of a
// warp (a power of two); a lane holds up to VECTORS runs of 16 bytes of its row, so c is a multiple of a run's
// length V and at most lanes V VECTORS. Where that is one run, the next row is on its way while this one is summed.
// The kernels `_any` take every c, a warp to a row, value by value.
// The backward pass sums gamma's and beta's gradients over the rows of a block, in a fixed order, into
// partial[block][2 c]; gather_columns adds the blocks.

template <typename T> using Vector = Run<T, 16 / sizeof(T)>;

__device__ inline float group_sum(float value, int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

// Who has which part of which row.
struct Share {
    // The first row, and from one to the next; every lane takes part in every sum, so all go round equally often.
    int rows, c, lanes, lane, first, stride, rounds;

    __device__ Share(int rows, int c, int lanes) : rows(rows), c(c), lanes(lanes) {
        int groups = (int)blockDim.x / lanes;
        lane = (int)threadIdx.x % lanes;
        first = (int)blockIdx.x * groups + (int)threadIdx.x / lanes;
        stride = (int)gridDim.x * groups;
        rounds = (rows + stride - 1) / stride;
    }
    // First channel of this lane's run i.
    template <int V> __device__ int channel(int i) const { return (i * lanes + lane) * V; }

    // This lane's run i of a row, zeros where there is none.
    template <typename T> __device__ Vector<T> run(const T *from, int row, int i) const {
        int at = channel<16 / sizeof(T)>(i);
        Vector<T> values = {};
        if (row < rows && at < c) values = *(const Vector<T> *)(from + (long long)row * c + at);
        return values;
    }
    // V values of gamma or beta for run i, zeros where there is none.
    template <int V> __device__ void affine(float (&values)[V], const float *from, int i) const {
#pragma unroll
        for (int v = 0; v < V; v += 4) {
            Run<float, 4> four = {};
            if (channel<V>(i) < c) four = *(const Run<float, 4> *)(from + channel<V>(i) + v);
#pragma unroll
            for (int u = 0; u < 4; u++) values[v + u] = four.values[u];
        }
    }
    // The byte of this lane's run i of a row.
    template <int V> __device__ long long byte(int row, int i) const {
        return (long long)row * (c / V) + i * lanes + lane;
    }
};

template <typename T, int VECTORS>
__device__ void forward(T *y, float *statistics, u8 *passed, const T *x, const T *shortcut, const float *gamma,
                        const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    const int V = 16 / sizeof(T);
    const bool ahead = VECTORS == 1;
    Share share(rows, c, lanes);
    float inverse = 1.0f / (float)c, scale[V], shift[V];
    Vector<T> next = {}, beside = {};
    if (ahead) {
        share.affine(scale, gamma, 0);
        share.affine(shift, beta, 0);
        next = share.run(x, share.first, 0);
        if (shortcut) beside = share.run(shortcut, share.first, 0);
    }
    for (int left = share.rounds, row = share.first; left > 0; left--, row += share.stride) {
        float values[VECTORS][V], sum = 0.0f, squares = 0.0f;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            Vector<T> from = ahead ? next : share.run(x, row, i);
#pragma unroll
            for (int v = 0; v < V; v++) {
                values[i][v] = widen(from.values[v]);
                sum += values[i][v];
            }
        }
        if (ahead) next = share.run(x, row + share.stride, 0);
        float mean = group_sum(sum, lanes) * inverse;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            bool inside = share.channel<V>(i) < c;
#pragma unroll
            for (int v = 0; v < V; v++) {
                values[i][v] = inside ? values[i][v] - mean : 0.0f;
                squares += values[i][v] * values[i][v];
            }
        }
        float rstd = rsqrtf(group_sum(squares, lanes) * inverse + epsilon);
        if (row >= rows) continue;
        if (statistics && share.lane == 0) {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = rstd;
        }
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = share.channel<V>(i);
            if (channel >= c) continue;
            if (!ahead) {
                share.affine(scale, gamma, i);
                share.affine(shift, beta, i);
                if (shortcut) beside = share.run(shortcut, row, i);
            }
            float out[V];
            u32 positive = 0;
#pragma unroll
            for (int v = 0; v < V; v++) {
                out[v] = values[i][v] * rstd * scale[v] + shift[v];
                if (shortcut) out[v] += widen(beside.values[v]);
                positive |= out[v] > 0.0f ? 1u << v : 0u;
                // So compared, NaN stays NaN.
                if (relu && out[v] < 0.0f) out[v] = 0.0f;
            }
            if (ahead && shortcut) beside = share.run(shortcut, row + share.stride, 0);
            Vector<T> to;
            narrow_run(to, out);
            *(Vector<T> *)(y + (long long)row * c + channel) = to;
            if (passed) passed[share.byte<V>(row, i)] = (u8)positive;
        }
    }
}

template <typename T>
__device__ void forward_any(T *y, float *statistics, u8 *passed, const T *x, const T *shortcut, const float *gamma,
                            const float *beta, int rows, int c, float epsilon, int relu) {
    int lane = (int)threadIdx.x % 32, stride = (int)(gridDim.x * blockDim.x / 32);
    for (int row = (int)(blockIdx.x * blockDim.x + threadIdx.x) / 32; row < rows; row += stride) {
        const T *from = x + (long long)row * c;
        float sum = 0.0f, squares = 0.0f;
        for (int i = lane; i < c; i += 32) sum += widen(from[i]);
        float mean = warp_sum(sum) / (float)c;
        for (int i = lane; i < c; i += 32) squares += (widen(from[i]) - mean) * (widen(from[i]) - mean);
        float rstd = rsqrtf(warp_sum(squares) / (float)c + epsilon);
        if (statistics && lane == 0) {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = rstd;
        }
        for (int i = lane; i < c; i += 32) {
            long long at = (long long)row * c + i;
            float out = (widen(from[i]) - mean) * rstd * gamma[i] + beta[i];
            if (shortcut) out += widen(shortcut[at]);
            y[at] = narrow<T>(relu && out < 0.0f ? 0.0f : out);
            if (passed) passed[at] = out > 0.0f;
        }
    }
}

// Writes dx, or adds to it where `onto`, and where `open` is given the part of dy that passes the ReLU (the
// shortcut's gradient). Without `passed` all passes.
template <typename T, int VECTORS>
__device__ void backward(T *dx, T *open, float *partial, const T *dy, const T *x, const u8 *passed,
                         const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    const int V = 16 / sizeof(T);
    const bool ahead = VECTORS == 1;
    Share share(rows, c, lanes);
    float inverse = 1.0f / (float)c, scale[V], dgamma[VECTORS][V], dbeta[VECTORS][V];
#pragma unroll
    for (int i = 0; i < VECTORS * V; i++) dgamma[i / V][i % V] = dbeta[i / V][i % V] = 0.0f;
    auto bits = [=](int row, int i) -> u32 {
        return row < rows && share.channel<V>(i) < c ? (passed ? passed[share.byte<V>(row, i)] : 0xFFu) : 0u;
    };
    auto moments = [=](int row) {
        Run<float, 2> two = {};
        if (row < rows) two = *(const Run<float, 2> *)(statistics + 2 * row);
        return two;
    };
    Vector<T> next_dy = {}, next_x = {};
    Run<float, 2> next_moments = {};
    u32 next_bits = 0;
    if (ahead) {
        int row = share.first;
        share.affine(scale, gamma, 0);
        next_dy = share.run(dy, row, 0);
        next_x = share.run(x, row, 0);
        next_bits = bits(row, 0);
        next_moments = moments(row);
    }
    for (int left = share.rounds, row = share.first; left > 0; left--, row += share.stride) {
        Run<float, 2> now = ahead ? next_moments : moments(row);
        float mean = now.values[0], rstd = now.values[1];
        float normal[VECTORS][V], gradient[VECTORS][V], sum = 0.0f, product = 0.0f;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = share.channel<V>(i);
            bool inside = row < rows && channel < c;
            Vector<T> dy_ = ahead ? next_dy : share.run(dy, row, i), x_ = ahead ? next_x : share.run(x, row, i);
            u32 positive = ahead ? next_bits : bits(row, i);
            if (!ahead) share.affine(scale, gamma, i);
#pragma unroll
            for (int v = 0; v < V; v++) {
                float g = positive >> v & 1u ? widen(dy_.values[v]) : 0.0f;
                if (!(positive >> v & 1u)) dy_.values[v] = narrow<T>(0.0f);
                normal[i][v] = inside ? (widen(x_.values[v]) - mean) * rstd : 0.0f;
                dgamma[i][v] += g * normal[i][v];
                dbeta[i][v] += g;
                gradient[i][v] = g * scale[v];
                sum += gradient[i][v];
                product += gradient[i][v] * normal[i][v];
            }
            if (open && inside) *(Vector<T> *)(open + (long long)row * c + channel) = dy_;
        }
        if (ahead) {
            next_dy = share.run(dy, row + share.stride, 0);
            next_x = share.run(x, row + share.stride, 0);
            next_bits = bits(row + share.stride, 0);
            next_moments = moments(row + share.stride);
        }
        float mean_g = group_sum(sum, lanes) * inverse, mean_gx = group_sum(product, lanes) * inverse;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = share.channel<V>(i);
            if (row >= rows || channel >= c) continue;
            Vector<T> *at = (Vector<T> *)(dx + (long long)row * c + channel), before = {}, to;
            if (onto) before = *at;
            float out[V];
#pragma unroll
            for (int v = 0; v < V; v++) {
                out[v] = (gradient[i][v] - mean_g - normal[i][v] * mean_gx) * rstd;
                if (onto) out[v] += widen(before.values[v]);
            }
            narrow_run(to, out);
            *at = to;
        }
    }
    // Over the groups of a warp, then over the warps in order.
    __shared__ Run<float, 4> sums[8][2][8 * V];
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        __syncthreads();
#pragma unroll
        for (int v = 0; v < V; v++) {
            for (int distance = lanes; distance < 32; distance *= 2) {
                dgamma[i][v] += __shfl_xor_sync(0xFFFFFFFFu, dgamma[i][v], distance);
                dbeta[i][v] += __shfl_xor_sync(0xFFFFFFFFu, dbeta[i][v], distance);
            }
        }
        if ((int)threadIdx.x % 32 < lanes) {
#pragma unroll
            for (int v = 0; v < V; v++) {
                int at = share.lane * V + v;
                sums[threadIdx.x / 32][0][at / 4].values[at % 4] = dgamma[i][v];
                sums[threadIdx.x / 32][1][at / 4].values[at % 4] = dbeta[i][v];
            }
        }
        __syncthreads();
        for (int j = (int)threadIdx.x; j < 2 * lanes * V; j += (int)blockDim.x) {
            int which = j / (lanes * V), at = j % (lanes * V), channel = i * lanes * V + at;
            if (channel >= c) continue;
            float total = 0.0f;
            for (int warp = 0; warp < (int)blockDim.x / 32; warp++) total += sums[warp][which][at / 4].values[at % 4];
            partial[(long long)blockIdx.x * 2 * c + which * c + channel] = total;
        }
    }
}

// As `backward`; partial must be zero before: the block's only warp of 32 threads adds to it.
template <typename T>
__device__ void backward_any(T *dx, T *open, float *partial, const T *dy, const T *x, const u8 *passed,
                             const float *statistics, const float *gamma, int rows, int c, int onto) {
    int lane = (int)threadIdx.x;
    float *sums = partial + (long long)blockIdx.x * 2 * c;
    for (int row = (int)blockIdx.x; row < rows; row += (int)gridDim.x) {
        long long at = (long long)row * c;
        float mean = statistics[2 * row], rstd = statistics[2 * row + 1], sum = 0.0f, product = 0.0f;
        for (int i = lane; i < c; i += 32) {
            float g = passed && !passed[at + i] ? 0.0f : widen(dy[at + i]);
            float normal = (widen(x[at + i]) - mean) * rstd;
            sums[i] += g * normal;
            sums[c + i] += g;
            sum += g * gamma[i];
            product += g * gamma[i] * normal;
        }
        float mean_g = warp_sum(sum) / (float)c, mean_gx = warp_sum(product) / (float)c;
        for (int i = lane; i < c; i += 32) {
            float g = passed && !passed[at + i] ? 0.0f : widen(dy[at + i]);
            float normal = (widen(x[at + i]) - mean) * rstd;
            if (open) open[at + i] = narrow<T>(g);
            float out = (g * gamma[i] - mean_g - normal * mean_gx) * rstd;
            dx[at + i] = narrow<T>(onto ? widen(dx[at + i]) + out : out);
        }
    }
}

extern "C" __global__ void __launch_bounds__(256, 4) norm_forward_1_f32(float *y, float *statistics, u8 *passed, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<float, 1>(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_4_f32(float *y, float *statistics, u8 *passed, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<float, 4>(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_any_f32(float *y, float *statistics, u8 *passed, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward_any(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu);
}
extern "C" __global__ void __launch_bounds__(256, 3) norm_backward_1_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward<float, 1>(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_4_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward<float, 4>(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_any_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward_any(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto);
}
extern "C" __global__ void __launch_bounds__(256, 4) norm_forward_1_bf16(bf16 *y, float *statistics, u8 *passed, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<bf16, 1>(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_4_bf16(bf16 *y, float *statistics, u8 *passed, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<bf16, 4>(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_any_bf16(bf16 *y, float *statistics, u8 *passed, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward_any(y, statistics, passed, x, shortcut, gamma, beta, rows, c, epsilon, relu);
}
extern "C" __global__ void __launch_bounds__(256, 3) norm_backward_1_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward<bf16, 1>(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_4_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward<bf16, 4>(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_any_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const u8 *passed, const float *statistics, const float *gamma, int rows, int c, int onto, int lanes) {
    backward_any(dx, open, partial, dy, x, passed, statistics, gamma, rows, c, onto);
}
