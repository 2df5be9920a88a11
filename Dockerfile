# docker build -t tandem .
#
# docker run --network host --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW --cap-add NET_BIND_SERVICE \
#     --cap-add SETUID --cap-add SETGID --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add KILL --cap-add SYS_NICE \
#     -v /etc/nginx:/etc/nginx:ro -v /etc/keepalived:/etc/keepalived:ro tandem
#
# docs/guide/docker.md says what each right is for.
FROM golang:1.26 AS build
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /root/tandem . && packaging/image/root /root/tandem /image

# A shell for the scripts of keepalived.conf, certificates of authorities, and the
# users that a "user" directive may name: nothing else.
FROM scratch
COPY --from=build /image /
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
EXPOSE 80
# Hand the addresses over, then answer the last requests.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/sbin/tandem", "status"]
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["tandem"]
