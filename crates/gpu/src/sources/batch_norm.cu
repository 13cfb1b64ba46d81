// Normalisation of channels by statistics over all rows of x [rows, c], with shortcut and ReLU, each way; all f32. Sums over
// rows are in two stages of fixed order: stretches in f32, then over the stretches in f64.
//
// batch_sums, batch_squares, batch_gradient_sums: grid x = groups of 32 channels, y = stretches of rows; block 256 threads, 8
// rows of 32 channels. batch_total, batch_moments, batch_deviations: a thread to a channel or sum. The others: threads stride
// over the values.

// Over a stretch's rows, channel by channel: eight lines of a block are added in order.
struct Lines {
    int lane, line, channel, first, end;
    __device__ Lines(int rows, int stretch)
        : lane((int)threadIdx.x % 32), line((int)threadIdx.x / 32), channel((int)blockIdx.x * 32 + (int)threadIdx.x % 32),
          first((int)blockIdx.y * stretch), end((int)blockIdx.y * stretch + stretch) {
        if (end > rows) end = rows;
    }
    __device__ void total(float (&shared)[8][33], float *to, float mine, int c) const {
        shared[line][lane] = mine;
        __syncthreads();
        if (line == 0 && channel < c) {
            float sum = 0.0f;
            for (int i = 0; i < 8; i++) sum += shared[i][lane];
            to[channel] = sum;
        }
        __syncthreads();
    }
};

// out [stretches, c]: sums of x.
extern "C" __global__ void __launch_bounds__(256) batch_sums(float *out, const float *x, int rows, int c, int stretch) {
    __shared__ float shared[8][33];
    Lines at(rows, stretch);
    float sum = 0.0f;
    if (at.channel < c) {
#pragma unroll 8
        for (int row = at.first + at.line; row < at.end; row += 8) sum += x[(long long)row * c + at.channel];
    }
    at.total(shared, out + (long long)blockIdx.y * c, sum, c);
}

// out [stretches, 2, c]: sums of x - mean, which tell what the mean was rounded by, and of their squares: nothing cancels.
extern "C" __global__ void __launch_bounds__(256) batch_squares(float *out, const float *x, const float *mean, int rows, int c, int stretch) {
    __shared__ float shared[8][33];
    Lines at(rows, stretch);
    float sum = 0.0f, squares = 0.0f;
    if (at.channel < c) {
        float around = mean[at.channel];
#pragma unroll 8
        for (int row = at.first + at.line; row < at.end; row += 8) {
            float value = x[(long long)row * c + at.channel] - around;
            sum += value;
            squares += value * value;
        }
    }
    float *to = out + (long long)blockIdx.y * 2 * c;
    at.total(shared, to, sum, c);
    at.total(shared, to + c, squares, c);
}

// mean [c] is corrected, variance [c] made of what batch_squares left.
extern "C" __global__ void batch_moments(float *mean, float *variance, const float *partial, int stretches, int c, int rows) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < c; i += gridDim.x * blockDim.x) {
        double sum = 0.0, squares = 0.0;
        for (int stretch = 0; stretch < stretches; stretch++) {
            sum += (double)partial[(long long)stretch * 2 * c + i];
            squares += (double)partial[(long long)stretch * 2 * c + c + i];
        }
        double missed = sum / (double)rows, square = squares / (double)rows - missed * missed;
        mean[i] = (float)((double)mean[i] + missed);
        variance[i] = (float)(square > 0.0 || square != square ? square : 0.0);
    }
}

// to [columns] <- sums over the stretches of partial [stretches, columns], over `count`.
extern "C" __global__ void batch_total(float *to, const float *partial, int stretches, int columns, int count) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < columns; i += gridDim.x * blockDim.x) {
        double sum = 0.0;
        for (int stretch = 0; stretch < stretches; stretch++) sum += (double)partial[(long long)stretch * columns + i];
        to[i] = (float)(sum / (double)count);
    }
}

// rstd [c] <- 1 / sqrt(variance + epsilon).
extern "C" __global__ void batch_deviations(float *rstd, const float *variance, float epsilon, int c) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < c; i += gridDim.x * blockDim.x) {
        rstd[i] = 1.0f / sqrtf(variance[i] + epsilon);
    }
}

// y <- act(gamma (x - mean) rstd + beta + shortcut). NaN stays NaN.
extern "C" __global__ void batch_forward(float *y, const float *x, const float *shortcut, const float *mean, const float *rstd,
                                         const float *gamma, const float *beta, int n, int c, int relu) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        int channel = i % c;
        float value = (x[i] - mean[channel]) * (gamma[channel] * rstd[channel]) + beta[channel];
        if (shortcut) value += shortcut[i];
        y[i] = relu && value < 0.0f ? 0.0f : value;
    }
}

// g <- what of dy passes the ReLU behind y, and out [stretches, 2, c]: sums of g (x - mean) rstd and of g.
extern "C" __global__ void __launch_bounds__(256) batch_gradient_sums(float *out, float *g, const float *x, const float *y, const float *dy,
                                                                       const float *mean, const float *rstd, int rows, int c, int stretch, int relu) {
    __shared__ float shared[8][33];
    Lines at(rows, stretch);
    float products = 0.0f, gradients = 0.0f;
    if (at.channel < c) {
        float around = mean[at.channel], scale = rstd[at.channel];
        for (int row = at.first + at.line; row < at.end; row += 8) {
            long long i = (long long)row * c + at.channel;
            float gradient = relu && !(y[i] > 0.0f) ? 0.0f : dy[i];
            g[i] = gradient;
            products += gradient * ((x[i] - around) * scale);
            gradients += gradient;
        }
    }
    float *to = out + (long long)blockIdx.y * 2 * c;
    at.total(shared, to, products, c);
    at.total(shared, to + c, gradients, c);
}

// dx <- gamma rstd (g - (dbeta + x^ dgamma) / rows) with affine = [dgamma, dbeta]; without, the statistics are constants.
extern "C" __global__ void batch_backward(float *dx, const float *x, const float *g, const float *mean, const float *rstd,
                                          const float *gamma, const float *affine, int n, int c, int rows) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        int channel = i % c;
        float gradient = g[i];
        if (affine) {
            float normalised = (x[i] - mean[channel]) * rstd[channel];
            gradient -= (affine[c + channel] + normalised * affine[channel]) / (float)rows;
        }
        dx[i] = gamma[channel] * rstd[channel] * gradient;
    }
}
