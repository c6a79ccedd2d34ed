/* hub/service_close.c - a service ends; its figures go to the one that takes its place. */
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/service.h"
#include "hub/worker.h"
#include "sys/fd.h"

void service_inherit(struct service *service, struct service *from)
{
	uint64_t *to = (uint64_t *)&service->counts;
	const uint64_t *more = (const uint64_t *)&from->counts;

	for (size_t i = 0; i < sizeof(service->counts) / sizeof(*to); i++)
		to[i] += more[i];
	memset(&from->counts, 0, sizeof(from->counts));
	if (!service->times) {
		service->times = from->times;
		from->times = NULL;
	}
	if (!from->times)
		return;
	histogram_merge(&service->times->queue, &from->times->queue);
	histogram_merge(&service->times->birth, &from->times->birth);
	histogram_merge(&service->times->run, &from->times->run);
	histogram_merge(&service->times->total, &from->times->total);
	memset(from->times, 0, sizeof(*from->times));
}

void service_close(struct service *service)
{
	struct hub *hub = service->hub;

	while (service->running.first)
		service_refuse(service->running.first, REFUSED_STOPPING);
	service_refuse_all(service, REFUSED_STOPPING);
	worker_retire(service, "the hub ends");
	areas_close(service->areas);
	order_rest(&service->order);
	loop_timer_clear(hub->loop, &service->timer);
	loop_later_cancel(hub->loop, &service->kick);
	symbols_close(service->symbols);
	manifest_free(&service->manifest);
	fd_close(&service->image_fd);
	fd_close(&service->data_fd);
	kept_drop(service);
	free(service->times);
	free(service->lend);
	free(service->name);
	free(service->image_path);
	free(service->entry);
	free(service);
}
