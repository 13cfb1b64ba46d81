// LayerNorm over the c channels of each row, an optional shortcut, an optional ReLU, in one pass each way:
// y = act(gamma (x - mean) rstd + beta + shortcut). x, y, shortcut, dy, dx: [rows, c]; statistics: [rows, 2], mean
// and reciprocal deviation; gamma, beta: [c], f32.
//
// Grid: any number of blocks along x; block: 256 threads. Rows are strided over by groups of `lanes` lanes of a
// warp (a power of two); a lane holds up to VECTORS runs of 16 bytes of its row, so c is a multiple of a run's
// length V and at most lanes V VECTORS. The kernels `_any` take every c, a warp to a row, value by value.
// The backward pass sums gamma's and beta's gradients over the rows of a block, in a fixed order, into
// partial[block][2 c]; column_sums adds the blocks.

template <typename T> using Vector = Run<T, 16 / sizeof(T)>;

__device__ inline float group_sum(float value, int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

template <typename T, int VECTORS>
__device__ void forward(T *y, float *statistics, const T *x, const T *shortcut, const float *gamma, const float *beta,
                        int rows, int c, float epsilon, int relu, int lanes) {
    const int V = 16 / sizeof(T);
    int lane = (int)threadIdx.x % lanes, groups = (int)blockDim.x / lanes;
    int stride = (int)gridDim.x * groups;
    // Every lane takes part in every sum, so all go round equally often.
    int rounds = (rows + stride - 1) / stride;
    for (int round = 0; round < rounds; round++) {
        int row = round * stride + (int)blockIdx.x * groups + (int)threadIdx.x / lanes;
        float values[VECTORS][V], sum = 0.0f, squares = 0.0f;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = (i * lanes + lane) * V;
            bool inside = row < rows && channel < c;
            Vector<T> from = {};
            if (inside) from = *(const Vector<T> *)(x + (long long)row * c + channel);
#pragma unroll
            for (int v = 0; v < V; v++) {
                values[i][v] = inside ? widen(from.values[v]) : 0.0f;
                sum += values[i][v];
            }
        }
        float mean = group_sum(sum, lanes) / (float)c;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            bool inside = (i * lanes + lane) * V < c;
#pragma unroll
            for (int v = 0; v < V; v++) {
                values[i][v] = inside ? values[i][v] - mean : 0.0f;
                squares += values[i][v] * values[i][v];
            }
        }
        float rstd = 1.0f / sqrtf(group_sum(squares, lanes) / (float)c + epsilon);
        if (row >= rows) continue;
        if (statistics && lane == 0) {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = rstd;
        }
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = (i * lanes + lane) * V;
            if (channel >= c) continue;
            Vector<T> beside = {}, to;
            if (shortcut) beside = *(const Vector<T> *)(shortcut + (long long)row * c + channel);
#pragma unroll
            for (int v = 0; v < V; v++) {
                float out = values[i][v] * rstd * gamma[channel + v] + beta[channel + v];
                if (shortcut) out += widen(beside.values[v]);
                // So compared, NaN stays NaN.
                to.values[v] = narrow<T>(relu && out < 0.0f ? 0.0f : out);
            }
            *(Vector<T> *)(y + (long long)row * c + channel) = to;
        }
    }
}

template <typename T>
__device__ void forward_any(T *y, float *statistics, const T *x, const T *shortcut, const float *gamma,
                            const float *beta, int rows, int c, float epsilon, int relu) {
    int lane = (int)threadIdx.x % 32, stride = (int)(gridDim.x * blockDim.x / 32);
    for (int row = (int)(blockIdx.x * blockDim.x + threadIdx.x) / 32; row < rows; row += stride) {
        const T *from = x + (long long)row * c;
        float sum = 0.0f, squares = 0.0f;
        for (int i = lane; i < c; i += 32) sum += widen(from[i]);
        float mean = warp_sum(sum) / (float)c;
        for (int i = lane; i < c; i += 32) squares += (widen(from[i]) - mean) * (widen(from[i]) - mean);
        float rstd = 1.0f / sqrtf(warp_sum(squares) / (float)c + epsilon);
        if (statistics && lane == 0) {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = rstd;
        }
        for (int i = lane; i < c; i += 32) {
            float out = (widen(from[i]) - mean) * rstd * gamma[i] + beta[i];
            if (shortcut) out += widen(shortcut[(long long)row * c + i]);
            y[(long long)row * c + i] = narrow<T>(relu && out < 0.0f ? 0.0f : out);
        }
    }
}

// Writes dx, and where `open` is given the part of dy that passes the ReLU (the shortcut's gradient).
template <typename T, int VECTORS>
__device__ void backward(T *dx, T *open, float *partial, const T *dy, const T *x, const T *y, const float *statistics,
                         const float *gamma, int rows, int c, int relu, int lanes) {
    const int V = 16 / sizeof(T);
    int lane = (int)threadIdx.x % lanes, groups = (int)blockDim.x / lanes;
    int stride = (int)gridDim.x * groups, rounds = (rows + stride - 1) / stride;
    float dgamma[VECTORS][V], dbeta[VECTORS][V];
#pragma unroll
    for (int i = 0; i < VECTORS * V; i++) dgamma[i / V][i % V] = dbeta[i / V][i % V] = 0.0f;
    for (int round = 0; round < rounds; round++) {
        int row = round * stride + (int)blockIdx.x * groups + (int)threadIdx.x / lanes;
        float mean = row < rows ? statistics[2 * row] : 0.0f, rstd = row < rows ? statistics[2 * row + 1] : 0.0f;
        float normal[VECTORS][V], gradient[VECTORS][V], sum = 0.0f, product = 0.0f;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = (i * lanes + lane) * V;
            long long at = (long long)row * c + channel;
            bool inside = row < rows && channel < c;
            Vector<T> dy_ = {}, x_ = {}, y_ = {};
            if (inside) {
                dy_ = *(const Vector<T> *)(dy + at);
                x_ = *(const Vector<T> *)(x + at);
                if (relu) {
                    y_ = *(const Vector<T> *)(y + at);
#pragma unroll
                    for (int v = 0; v < V; v++)
                        if (!(widen(y_.values[v]) > 0.0f)) dy_.values[v] = narrow<T>(0.0f);
                }
                if (open) *(Vector<T> *)(open + at) = dy_;
            }
#pragma unroll
            for (int v = 0; v < V; v++) {
                float g = inside ? widen(dy_.values[v]) : 0.0f;
                normal[i][v] = inside ? (widen(x_.values[v]) - mean) * rstd : 0.0f;
                dgamma[i][v] += g * normal[i][v];
                dbeta[i][v] += g;
                gradient[i][v] = inside ? g * gamma[channel + v] : 0.0f;
                sum += gradient[i][v];
                product += gradient[i][v] * normal[i][v];
            }
        }
        float mean_g = group_sum(sum, lanes) / (float)c, mean_gx = group_sum(product, lanes) / (float)c;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            int channel = (i * lanes + lane) * V;
            if (row >= rows || channel >= c) continue;
            Vector<T> to;
#pragma unroll
            for (int v = 0; v < V; v++)
                to.values[v] = narrow<T>((gradient[i][v] - mean_g - normal[i][v] * mean_gx) * rstd);
            *(Vector<T> *)(dx + (long long)row * c + channel) = to;
        }
    }
    // One run of channels at a time through shared memory, groups in order.
    __shared__ float sums[256];
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        for (int v = 0; v < V; v++) {
            for (int which = 0; which < 2; which++) {
                __syncthreads();
                float mine = 0.0f;
#pragma unroll
                for (int u = 0; u < V; u++)
                    if (u == v) mine = which ? dbeta[i][u] : dgamma[i][u];
                sums[threadIdx.x] = mine;
                __syncthreads();
                int channel = (i * lanes + (int)threadIdx.x) * V + v;
                if ((int)threadIdx.x < lanes && channel < c) {
                    float total = 0.0f;
                    for (int group = 0; group < groups; group++) total += sums[group * lanes + (int)threadIdx.x];
                    partial[(long long)blockIdx.x * 2 * c + which * c + channel] = total;
                }
            }
        }
    }
}

// As `backward`; partial must be zero before: the block's only warp of 32 threads adds to it.
template <typename T>
__device__ void backward_any(T *dx, T *open, float *partial, const T *dy, const T *x, const T *y,
                             const float *statistics, const float *gamma, int rows, int c, int relu) {
    int lane = (int)threadIdx.x;
    float *sums = partial + (long long)blockIdx.x * 2 * c;
    for (int row = (int)blockIdx.x; row < rows; row += (int)gridDim.x) {
        long long at = (long long)row * c;
        float mean = statistics[2 * row], rstd = statistics[2 * row + 1], sum = 0.0f, product = 0.0f;
        for (int i = lane; i < c; i += 32) {
            float g = relu && !(widen(y[at + i]) > 0.0f) ? 0.0f : widen(dy[at + i]);
            float normal = (widen(x[at + i]) - mean) * rstd;
            sums[i] += g * normal;
            sums[c + i] += g;
            sum += g * gamma[i];
            product += g * gamma[i] * normal;
        }
        float mean_g = warp_sum(sum) / (float)c, mean_gx = warp_sum(product) / (float)c;
        for (int i = lane; i < c; i += 32) {
            float g = relu && !(widen(y[at + i]) > 0.0f) ? 0.0f : widen(dy[at + i]);
            float normal = (widen(x[at + i]) - mean) * rstd;
            if (open) open[at + i] = narrow<T>(g);
            dx[at + i] = narrow<T>((g * gamma[i] - mean_g - normal * mean_gx) * rstd);
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) norm_forward_1_f32(float *y, float *statistics, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<float, 1>(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_4_f32(float *y, float *statistics, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<float, 4>(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_any_f32(float *y, float *statistics, const float *x, const float *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward_any(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_1_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const float *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward<float, 1>(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_4_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const float *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward<float, 4>(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_any_f32(float *dx, float *open, float *partial, const float *dy, const float *x, const float *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward_any(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_1_bf16(bf16 *y, float *statistics, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<bf16, 1>(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_4_bf16(bf16 *y, float *statistics, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward<bf16, 4>(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_forward_any_bf16(bf16 *y, float *statistics, const bf16 *x, const bf16 *shortcut, const float *gamma, const float *beta, int rows, int c, float epsilon, int relu, int lanes) {
    forward_any(y, statistics, x, shortcut, gamma, beta, rows, c, epsilon, relu);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_1_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const bf16 *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward<bf16, 1>(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_4_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const bf16 *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward<bf16, 4>(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu, lanes);
}
extern "C" __global__ void __launch_bounds__(256) norm_backward_any_bf16(bf16 *dx, bf16 *open, float *partial, const bf16 *dy, const bf16 *x, const bf16 *y, const float *statistics, const float *gamma, int rows, int c, int relu, int lanes) {
    backward_any(dx, open, partial, dy, x, y, statistics, gamma, rows, c, relu);
}
