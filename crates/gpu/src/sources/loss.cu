// Losses on logits [n, classes] with their gradients; all arithmetic in f32, sums over rows in f64.
//
// loss_rows, soft_predictions: a warp to a row, any grid, block a multiple of 32. loss_total: one block of 256.

struct Softmax {
    float largest, sum, temperature;

    // Of one row, by a warp; every lane has the result.
    template <typename T> __device__ static Softmax of(const T *z, int classes, float temperature) {
        int lane = (int)threadIdx.x % 32;
        float largest = -INFINITE, sum = 0.0f;
        for (int c = lane; c < classes; c += 32) largest = widen(z[c]) > largest ? widen(z[c]) : largest;
        largest = warp_max(largest);
        for (int c = lane; c < classes; c += 32) sum += expf((widen(z[c]) - largest) / temperature);
        return {largest, warp_sum(sum), temperature};
    }
    __device__ float probability(float z) const { return expf((z - largest) / temperature) / sum; }
    __device__ float log_sum() const { return logf(sum) + largest / temperature; }
};

// The labels' cross-entropy, or with a teacher's logits t: (1 - beta) tau^2 KL(s(t / tau) || s(z / tau)) + beta of
// it. `scale` multiplies the gradient. A row is correct where the first of its largest logits is the label's.
template <typename T>
__device__ void rows(T *gradient, float *losses, u32 *correct, const T *logits, const u32 *labels, const float *teacher,
                     float beta, float tau, float scale, int n, int classes) {
    int lane = (int)threadIdx.x % 32;
    for (int row = (int)(blockIdx.x * blockDim.x + threadIdx.x) / 32; row < n; row += (int)(gridDim.x * blockDim.x) / 32) {
        const T *z = logits + row * classes;
        int label = (int)labels[row], best = classes;
        Softmax p = Softmax::of(z, classes, 1.0f);
        for (int c = lane; c < classes; c += 32)
            if (widen(z[c]) == p.largest && c < best) best = c;
        for (int distance = 16; distance > 0; distance /= 2) {
            int other = __shfl_xor_sync(0xFFFFFFFFu, best, distance);
            best = other < best ? other : best;
        }
        float loss = p.log_sum() - widen(z[label]);
        if (teacher == nullptr) {
            for (int c = lane; c < classes; c += 32)
                gradient[row * classes + c] = narrow<T>((p.probability(widen(z[c])) - (c == label ? 1.0f : 0.0f)) * scale);
        } else {
            const float *t = teacher + row * classes;
            Softmax student = Softmax::of(z, classes, tau), taught = Softmax::of(t, classes, tau);
            float divergence = 0.0f;
            for (int c = lane; c < classes; c += 32) {
                float at = widen(z[c]), q = taught.probability(t[c]);
                divergence += q * ((t[c] / tau - taught.log_sum()) - (at / tau - student.log_sum()));
                float soft = (1.0f - beta) * tau * (student.probability(at) - q);
                float hard = p.probability(at) - (c == label ? 1.0f : 0.0f);
                gradient[row * classes + c] = narrow<T>((soft + beta * hard) * scale);
            }
            loss = (1.0f - beta) * tau * tau * warp_sum(divergence) + beta * loss;
        }
        if (lane == 0) {
            losses[row] = loss;
            correct[row] = best == label;
        }
    }
}

// sum <- sum + s(z / tau), or s(z / tau) where `first`.
template <typename T>
__device__ void soft_predictions(float *sum, const T *logits, float tau, int first, int n, int classes) {
    int lane = (int)threadIdx.x % 32;
    for (int row = (int)(blockIdx.x * blockDim.x + threadIdx.x) / 32; row < n; row += (int)(gridDim.x * blockDim.x) / 32) {
        const T *z = logits + row * classes;
        Softmax p = Softmax::of(z, classes, tau);
        for (int c = lane; c < classes; c += 32) {
            float before = first ? 0.0f : sum[row * classes + c];
            sum[row * classes + c] = before + p.probability(widen(z[c]));
        }
    }
}

extern "C" __global__ void loss_rows_f32(float *gradient, float *losses, u32 *correct, const float *logits, const u32 *labels, const float *teacher, float beta, float tau, float scale, int n, int classes) {
    rows(gradient, losses, correct, logits, labels, teacher, beta, tau, scale, n, classes);
}
extern "C" __global__ void loss_rows_bf16(bf16 *gradient, float *losses, u32 *correct, const bf16 *logits, const u32 *labels, const float *teacher, float beta, float tau, float scale, int n, int classes) {
    rows(gradient, losses, correct, logits, labels, teacher, beta, tau, scale, n, classes);
}
extern "C" __global__ void soft_predictions_f32(float *sum, const float *logits, float tau, int first, int n, int classes) {
    soft_predictions(sum, logits, tau, first, n, classes);
}
extern "C" __global__ void soft_predictions_bf16(float *sum, const bf16 *logits, float tau, int first, int n, int classes) {
    soft_predictions(sum, logits, tau, first, n, classes);
}

// Logits whose s(t / tau) is the mean of `teachers` predictions, from their sum, in place. Any grid and block. The
// smallest normal number stands for a probability that underflowed in every teacher.
extern "C" __global__ void logits_of_mean(float *sum, float tau, float teachers, int values) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        float mean = sum[i] * (1.0f / teachers);
        sum[i] = tau * logf(mean > 1.17549435e-38f ? mean : 1.17549435e-38f);
    }
}

// The rows' losses and hits as the step's record.
extern "C" __global__ void __launch_bounds__(256) loss_total(Record *records, const State *state, const float *losses, const u32 *correct, int n) {
    __shared__ double sums[8];
    __shared__ double hits[8];
    double sum = 0.0, hit = 0.0;
    for (int i = (int)threadIdx.x; i < n; i += 256) {
        sum += (double)losses[i];
        hit += (double)correct[i];
    }
    sum = warp_sum(sum);
    hit = warp_sum(hit);
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = sum;
        hits[threadIdx.x / 32] = hit;
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    double loss = 0.0, all = 0.0;
    for (int i = 0; i < 8; i++) {
        loss += sums[i];
        all += hits[i];
    }
    Record *record = records + state->step;
    record->loss = loss;
    record->correct = (u32)all;
}
