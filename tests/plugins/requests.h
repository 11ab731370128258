#pragma once

/// \file
/// The job that the launcher tests plan: 2 ranks on gn01 and 4 on gn02, of enterprise sao-mai.

#include "plugins/launcher.h"

namespace khu::plugins {

inline LaunchRequest the_request() {
    LaunchRequest request;
    request.job = JobId{42};
    request.attempt = AttemptNumber{3};
    request.name = "train";
    request.zone = "dn-cvpm2";
    request.enterprise = "sao-mai";
    request.user = "u-3f2a";
    request.partition = "gpu-h100";
    request.home = "/home/u-3f2a";
    request.hosts = {{.name = "gn01",
                      .address = "10.1.0.1",
                      .rsh_port = 7001,
                      .tasks = 2,
                      .cores = {4, 5, 6, 7},
                      .gpus = {{.index = 0, .uuid = "GPU-a"}, {.index = 3, .uuid = "GPU-b"}},
                      .memory = gibibytes(64)},
                     {.name = "gn02",
                      .address = "10.1.0.2",
                      .rsh_port = 7002,
                      .tasks = 4,
                      .cores = {0, 1, 2, 3},
                      .gpus = {{.index = 1, .uuid = "GPU-c"}},
                      .memory = gibibytes(64)}};
    request.argv = {"./train", "--epochs", "3"};
    request.chdir = "/data/run";
    request.deadline = Moment{1'772'416'800'000};
    request.restart_count = 2;
    request.network_cidr = "10.1.0.0/16";
    request.rsh_token = "secret";
    request.rsh_ca = "-----BEGIN CERTIFICATE-----\n";
    request.paths = {.attempt_dir = "/spool/42.3/job",
                     .rsh_helper = "/usr/lib/khu/khu-rsh",
                     .stop_file = "/spool/42.3/job/stop",
                     .checkpoint_file = "/spool/42.3/job/checkpoint",
                     .checkpoint_dir = "/ckpt/42",
                     .scratch_dir = "/tmp/khu-42.3",
                     .shared_memory_dir = "/dev/shm/khu-42.3"};
    return request;
}

}  // namespace khu::plugins
