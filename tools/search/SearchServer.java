import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;

/**
 * One OpenSearch node from jars on the class path. The distribution's own launcher loads its
 * modules from folders that are only in the distribution's archive; here they are ordinary jars.
 * Bootstrap checks do not run: the node listens on loopback only, for development and tests.
 *
 * <p>Arguments: the home folder, the folder with opensearch.yml, and settings as key=value.
 */
public final class SearchServer extends Node {
  private static final String[] MODULES = {
    "org.opensearch.transport.Netty4Plugin",
    "org.opensearch.analysis.common.CommonAnalysisPlugin",
    "org.opensearch.index.mapper.MapperExtrasPlugin",
    "org.opensearch.index.reindex.ReindexPlugin",
    "org.opensearch.painless.PainlessPlugin",
    "org.opensearch.script.expression.ExpressionPlugin",
    "org.opensearch.script.mustache.MustachePlugin",
    "org.opensearch.ingest.common.IngestCommonPlugin",
    "org.opensearch.geo.GeoModulePlugin",
    "org.opensearch.join.ParentJoinPlugin",
    "org.opensearch.percolator.PercolatorPlugin",
  };

  private SearchServer(Environment env, Collection<Class<? extends Plugin>> plugins) {
    super(env, plugins, true);
  }

  @Override
  protected void configureNodeAndClusterIdStateListener(ClusterService service) {
    // The superclass adds node and cluster ids to the distribution's log layout, which is not used.
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> settings = new HashMap<>();
    for (int i = 2; i < args.length; i++) {
      String[] keyValue = args[i].split("=", 2);
      settings.put(keyValue[0], keyValue[1]);
    }
    Environment env =
        InternalSettingsPreparer.prepareEnvironment(
            Settings.builder().put("path.home", args[0]).build(),
            settings,
            Paths.get(args[1]).toAbsolutePath(),
            () -> "node-1");
    LogConfigurator.configureWithoutConfig(env.settings());

    List<Class<? extends Plugin>> plugins = new ArrayList<>();
    for (String name : MODULES) {
      plugins.add(Class.forName(name).asSubclass(Plugin.class));
    }
    Node node = new SearchServer(env, plugins);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    node.close();
                    node.awaitClose(20, TimeUnit.SECONDS);
                  } catch (Exception e) {
                    e.printStackTrace();
                  }
                }));
    node.start();
    new CountDownLatch(1).await();
  }
}
